/* print.h - the other half of the printer. */
#pragma once

#include "lib/spec/out.h"
#include "lib/spec/spec.h"

/* The value of `resources`. */
void print_resources(Out *o, const Resources *r);
