/* engine_containerd.h - containers run by containerd, over one connection. */
#pragma once

#include "init/engine.h"
#include "init/grpc.h"
#include "init/units.h"

typedef struct ContainerdEngine ContainerdEngine;

/* units tells which runtime a service wants. */
ContainerdEngine *engine_containerd_new(Grpc *g, const Units *units);
/* Forgets every call without an answer.  connected: the connection still exists, so that the calls
 * have to be cancelled there.  c may be NULL. */
void engine_containerd_free(ContainerdEngine *c, bool connected);

const Engine *engine_containerd(ContainerdEngine *c);
