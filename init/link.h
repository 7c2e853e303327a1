/* link.h - the way to containerd: its process, the connection to it, and getting in step after each
 * connect (what is there, what is stale, what runs on).
 *
 * containerd may die under running services: the shims keep them.  The link starts it again,
 * connects, lists the tasks and hands them to the units. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "init/daemon.h"
#include "init/units.h"

typedef struct Link Link;

typedef struct LinkConfig {
        DaemonPaths daemon;
        const char *run_dir; /* holds the mark that tells a restart from a reboot */
        int epoll;
        uint32_t daemon_tag, grpc_tag; /* data of the epoll events */
        bool verbose;
        void (*changed)(void *data); /* link_is_up() may have changed */
        void *data;
} LinkConfig;

/* units->env.engine is set and cleared by the link.  Everything in config must outlive it. */
Link *link_new(const LinkConfig *config, Units *units);
void link_free(Link *l); /* l may be NULL; containerd is left alone */

/* Connected, and the units know what runs. */
bool link_is_up(const Link *l);

/* Starts a containerd that waits for its next start now: services are to be stopped through it. */
void link_hurry(Link *l);

/* Ends containerd: SIGTERM, 5 s, SIGKILL. */
void link_end(Link *l);
bool link_is_ending(const Link *l);
bool link_has_ended(const Link *l);

void link_handle_daemon(Link *l);
void link_handle_grpc(Link *l);
uint64_t link_deadline(const Link *l);
void link_tick(Link *l, uint64_t now_ms);
/* Brings the epoll set up to date before the next wait. */
void link_update_watch(Link *l);
