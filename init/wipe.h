/* wipe.h - removes one container from containerd, whatever state it is in: kill and wait if asked,
 * delete the task, then the container.
 *
 * "Not found" is success at every step, so a half-made container is wiped the same way. */
#pragma once

#include <stdbool.h>

#include "init/grpc.h"

typedef struct Wipe Wipe;

/* Called once at the end; error is NULL, or the text of what could not be removed. */
typedef void (*WipeDoneFn)(void *data, const char *error);

/* kill: end the task first (SIGKILL) instead of expecting that it has ended.  The result stays
 * valid until done was called or wipe_cancel(). */
Wipe *wipe_start(Grpc *g, const char *ns, const char *id, bool kill, WipeDoneFn done, void *data);

/* Forgets the work in progress, done is not called; w may be NULL.  Give g as NULL when the
 * connection is already gone. */
void wipe_cancel(Wipe *w, Grpc *g);
