/* requests.h - what the clients of the control socket want from the services.
 *
 * A request that takes time (start, stop, restart) is remembered by the client's slot and answered
 * when its service has come to rest. */
#pragma once

#include <jansson.h>

#include "init/control.h"
#include "init/units.h"

typedef enum RequestKind { REQUEST_NONE, REQUEST_START, REQUEST_STOP } RequestKind;

typedef struct Requests {
        Units *units;
        Control *control;
        bool closed; /* the machine goes down: nothing is started any more */
        struct {
                RequestKind kind;
                Unit *unit;
        } pending[CONTROL_CLIENTS];
} Requests;

/* Callbacks of Control; data is the Requests. */
void requests_handle(void *data, unsigned slot, const json_t *request);
void requests_forget(void *data, unsigned slot);

/* Answers the clients that wait for this unit, when its state is what they wait for or never will
 * be. */
void requests_unit_changed(Requests *r, Unit *u);
