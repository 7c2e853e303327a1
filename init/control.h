/* control.h - the socket by which `service start|stop|...` talks to the supervisor.
 *
 * One connection is one request and one reply, each a JSON object on a line.  Only root is heard.
 * Clients are a fixed number of slots with deadlines, so that nobody can hold the supervisor up or
 * make it grow. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"

#define CONTROL_CLIENTS 16

typedef struct Control Control;

/* A request of the client in a slot; answered, now or later, by control_reply(). */
typedef void (*ControlRequestFn)(void *data, unsigned slot, const json_t *request);
/* The client of a slot has gone before it was answered. */
typedef void (*ControlGoneFn)(void *data, unsigned slot);

/* Listens on path (mode 0600) and adds its descriptors to the epoll set: the listener with data
 * `tag`, the client of slot N with `tag + 1 + N`. */
int control_new(const char *path, int epoll, uint32_t tag, ControlRequestFn request,
                ControlGoneFn gone, void *data, Control **ret, Err *e);
/* Removes the socket; c may be NULL. */
void control_free(Control *c);

/* An epoll event with one of the tags. */
void control_handle(Control *c, uint32_t tag);
/* Sends a reply and ends the connection; takes over the reference to reply. */
void control_reply(Control *c, unsigned slot, json_t *reply);
/* CLOCK_MONOTONIC ms at which control_expire() has something to do. */
uint64_t control_deadline(const Control *c);
void control_expire(Control *c, uint64_t now_ms);

/* The client's side: sends a request and waits for the reply.  ERR_NOT_FOUND when nobody listens,
 * that is, no supervisor runs. */
int control_ask(const char *path, const json_t *request, json_t **ret, Err *e);
