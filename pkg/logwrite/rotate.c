/* rotate.c - the files of the log daemon in init/, compiled once more for this program and its C
 * library. */
#include "init/logrotate.c"
