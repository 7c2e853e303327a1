/* session.h - one login on one terminal. */
#pragma once

#include "pkg/getty/console.h"

/* In a freshly forked process: makes the terminal the controlling one, asks for name and password
 * (not when autologin), and becomes the shell.  Never returns. */
_Noreturn void session_run(const Console *c, bool autologin);
