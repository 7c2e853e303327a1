/* host.h - what one process knows of a registry's host: how to speak to it, and how much it does
 * with it at a time.  For session.c alone, which guards the table. */
#pragma once

#include "lib/base/err.h"
#include "lib/oci/endpoint.h"
#include "lib/oci/http.h"

typedef struct Host Host;

/* Borrowed; made when it is new.  Not thread-safe, the two with all; the rest is. */
int host_get(const Endpoint *at, const char *const *cert_files, Host **ret, Err *e);
void host_end_all(void);

HttpClient *host_client(Host *h);

/* The scheme, or NULL when it has to be found out: then the caller alone does that, sets it when he
 * knows and ends it in any case; others wait. */
const char *host_begin_scheme(Host *h);
void host_set_scheme(Host *h, const char *scheme);
void host_end_scheme(Host *h);
/* For messages and comparison: "https" while it is not known. */
const char *host_scheme_text(Host *h);

void host_note_answer(Host *h);
bool host_has_answered(Host *h);

/* See session_enter. */
int host_enter(Host *h, uint64_t size, Err *e);
void host_leave(Host *h);
