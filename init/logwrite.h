/* logwrite.h - the program `logwrite [-n NAME] [-socket PATH] COMMAND [ARGUMENT...]`: runs a
 * command whose output goes where it would go anyway, and to the log (boot.md 11.3).
 *
 * The service of the same name (pkg/logwrite) is another program. */
#pragma once

/* Returns the command's status, 128 + N when signal N has ended it. */
int logwrite_main(int argc, char **argv);
