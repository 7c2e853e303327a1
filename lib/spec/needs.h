/* needs.h - services that need each other (runtime.needs): every name exists, and there is no
 * circle. */
#pragma once

#include "lib/spec/problem.h"
#include "lib/spec/spec.h"

void needs_check(const ServiceNeeds *services, size_t n, Problems *p);
