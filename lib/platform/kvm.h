/* kvm.h - does KVM really work?  That /dev/kvm exists says little: it may be forbidden, belong to
 * a broken nested hypervisor, or hang the first guest for ever. */
#pragma once

#include <stdbool.h>

#include "lib/base/err.h"

/* Runs one virtual CPU in a child process for a moment. False within two seconds at the latest when
 * that does not work; e then tells why. */
bool kvm_works(Err *e);
