/* engine_containerd.h - containers run by containerd, over one connection. */
#pragma once

#include "init/engine.h"
#include "init/grpc.h"

typedef struct ContainerdEngine ContainerdEngine;

ContainerdEngine *engine_containerd_new(Grpc *g);
/* Forgets every call without an answer.  connected: the connection still exists, so that the calls
 * have to be cancelled there.  c may be NULL. */
void engine_containerd_free(ContainerdEngine *c, bool connected);

const Engine *engine_containerd(ContainerdEngine *c);
