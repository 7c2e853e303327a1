/* link.c - see link.h.  A lost connection is handled in one place, drop(): everybody who had a call
 * in flight forgets it there, so no callback ever has to ask whether the connection still exists.
 */
#include "init/link.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>

#include "init/bootlog.h"
#include "init/clock.h"
#include "init/engine_containerd.h"
#include "init/log.h"
#include "init/policy.h"
#include "init/wipe.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#define CONNECT_FIRST_MS 20
#define CONNECT_MAX_MS   200
/* When a start that takes long is reported, and when it is given up. */
#define SLOW_MS     30000
#define HOPELESS_MS 180000
#define END_MS      5000
/* While containerd is away no service is looked after, so its back-off ends early. */
#define DAEMON_DELAY_MAX_MS 10000
#define RETRY_MS            1000

typedef struct Sweep {
        struct Link *link;
        Wipe *wipe;
        char id[CONTAINERD_ID_SIZE];
        struct Sweep *next;
} Sweep;

struct Link {
        LinkConfig c;
        Units *units;
        Daemon daemon;
        Grpc *grpc;
        ContainerdEngine *engine;
        uint32_t watched; /* events that epoll knows for the connection */
        char *mark;
        bool fresh; /* nothing has been cleaned since the machine started */
        bool answered, up, was_up, slow, ending, ended, killed;
        unsigned failures;
        uint64_t started, start_at, connect_at, connect_delay, end_at, subscribe_at, retry_at;
        Inventory *inventory;
        Sweep *sweeps;
};

static void sweep_free(Sweep *s) {
        for (Sweep **p = &s->link->sweeps; *p; p = &(*p)->next) {
                if (*p == s) {
                        *p = s->next;
                        break;
                }
        }
        free(s);
}

/* alive: the connection still exists and its calls have to be cancelled. */
static void forget_work(Link *l, bool alive) {
        while (l->sweeps) {
                wipe_cancel(l->sweeps->wipe, alive ? l->grpc : NULL);
                sweep_free(l->sweeps);
        }
        inventory_free(l->inventory, alive ? l->grpc : NULL);
        l->inventory = NULL;
}

static void drop(Link *l) {
        if (!l->grpc)
                return;
        forget_work(l, false);
        engine_containerd_free(l->engine, false);
        l->engine = NULL;
        l->units->env.engine = NULL;
        l->units->env.ready = false;
        grpc_free(l->grpc); /* leaves the epoll set as it is closed */
        l->grpc = NULL;
        l->watched = 0;
        l->answered = l->up = false;
        l->subscribe_at = l->retry_at = UINT64_MAX;
        l->connect_delay = CONNECT_FIRST_MS;
        l->connect_at = clock_ms() + CONNECT_FIRST_MS;
        units_disconnected(l->units);
        l->c.changed(l->c.data);
}

Link *link_new(const LinkConfig *config, Units *units) {
        Link *l = xcalloc(1, sizeof *l);
        l->c = *config;
        l->units = units;
        l->daemon = DAEMON_INIT;
        l->mark = path_join(config->run_dir, "supervised");
        l->fresh = access(l->mark, F_OK) < 0;
        l->connect_delay = CONNECT_FIRST_MS;
        l->subscribe_at = l->retry_at = l->end_at = UINT64_MAX;
        if (!l->fresh)
                units_adopt(units);
        return l;
}

void link_free(Link *l) {
        if (!l)
                return;
        forget_work(l, true);
        engine_containerd_free(l->engine, true);
        l->units->env.engine = NULL;
        grpc_free(l->grpc);
        if (l->daemon.pidfd >= 0)
                close(l->daemon.pidfd);
        free(l->mark);
        free(l);
}

bool link_is_up(const Link *l) {
        return l->up;
}

static void on_message(void *data, const uint8_t *msg, size_t n) {
        Link *l = data;
        Event ev;
        if (containerd_read_event(msg, n, &ev) == 0)
                units_on_event(l->units, &ev);
}

static void on_events_end(void *data, const GrpcReply *r) {
        Link *l = data;
        log_init("event stream of containerd ended: %s", r->text);
        l->subscribe_at = clock_ms() + RETRY_MS;
}

static void subscribe(Link *l) {
        l->subscribe_at = UINT64_MAX;
        containerd_subscribe(l->grpc, on_message, on_events_end, l);
}

static void on_swept(void *data, const char *error) {
        Sweep *s = data;
        if (error)
                log_init("remove old container %s: %s", s->id, error);
        sweep_free(s);
}

/* A container of a former boot that is no service of this image. */
static void sweep(void *data, const char *id) {
        Link *l = data;
        if (units_find_in(l->units, l->units->env.ns, id))
                return; /* the unit removes it itself */
        Sweep *s = xcalloc(1, sizeof *s);
        s->link = l;
        snprintf(s->id, sizeof s->id, "%s", id);
        s->next = l->sweeps;
        l->sweeps = s;
        s->wipe = wipe_start(l->grpc, l->units->env.ns, id, true, on_swept, s);
}

static void on_inventory(void *data, const char *error) {
        Link *l = data;
        if (error) {
                log_init("list of containers: %s", error);
                l->retry_at = clock_ms() + RETRY_MS;
                return;
        }
        /* Other namespaces may belong to somebody else's containers (Kubernetes, say). */
        if (l->fresh)
                inventory_each(l->inventory, l->units->env.ns, sweep, l);
        l->fresh = false;
        int fd = open(l->mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
        if (fd >= 0)
                close(fd);
        l->up = l->was_up = true;
        bootlog_note(BOOTLOG_CONTAINERD_UP, NULL, NULL);
        units_resync(l->units, l->inventory);
        l->c.changed(l->c.data);
}

static void take_inventory(Link *l) {
        l->retry_at = UINT64_MAX;
        inventory_free(l->inventory, l->grpc);
        size_t n;
        _cleanup_free_ const char **ns = units_namespaces(l->units, &n);
        l->inventory = inventory_start(l->grpc, ns, n, on_inventory, l);
}

static void on_version(void *data, const GrpcReply *r) {
        Link *l = data;
        char version[64];
        if (r->status != GRPC_OK || containerd_read_version(r, version, sizeof version) < 0) {
                l->retry_at = clock_ms() + CONNECT_MAX_MS;
                return;
        }
        l->answered = true;
        if (l->c.verbose)
                log_init("containerd %s answers at %.2fs", version, log_uptime());
        if (!l->engine)
                l->engine = engine_containerd_new(l->grpc, l->units);
        l->units->env.engine = engine_containerd(l->engine);
        subscribe(l);
        take_inventory(l);
}

static void try_connect(Link *l, uint64_t now) {
        if (grpc_connect(l->c.daemon.socket, &l->grpc, NULL) < 0) {
                l->connect_at = now + l->connect_delay;
                l->connect_delay = MIN(l->connect_delay * 2, (uint64_t)CONNECT_MAX_MS);
                return;
        }
        containerd_version(l->grpc, on_version, l);
}

void link_update_watch(Link *l) {
        if (!l->grpc)
                return;
        uint32_t events = grpc_events(l->grpc);
        if (events == l->watched)
                return;
        struct epoll_event ev = { .events = events, .data.u32 = l->c.grpc_tag };
        int op = l->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
        if (epoll_ctl(l->c.epoll, op, grpc_fd(l->grpc), &ev) == 0)
                l->watched = events;
}

void link_handle_grpc(Link *l) {
        _cleanup_err_ Err err = ERR_INIT;
        if (!l->grpc || grpc_handle(l->grpc, &err) == 0)
                return;
        if (l->answered && !l->ending)
                log_init("connection to containerd lost: %s", err.text);
        drop(l);
}

static uint64_t next_delay(Link *l, uint64_t lived_ms) {
        uint64_t delay = policy_delay_ms(&l->failures, lived_ms);
        return MIN(delay, (uint64_t)DAEMON_DELAY_MAX_MS);
}

static void begin_daemon(Link *l, uint64_t now) {
        _cleanup_err_ Err err = ERR_INIT;
        l->was_up = l->slow = l->killed = false;
        l->started = l->connect_at = now;
        l->connect_delay = CONNECT_FIRST_MS;
        bootlog_note(BOOTLOG_CONTAINERD, NULL, NULL);
        if (!daemon_adopt(&l->daemon, &l->c.daemon) &&
            daemon_start(&l->daemon, &l->c.daemon, &err) < 0) {
                /* A program that the image does not have does not appear later. */
                if (err.kind == ERR_NOT_FOUND) {
                        log_init("containerd: %s; no service can be started", err.text);
                        l->start_at = UINT64_MAX;
                        return;
                }
                uint64_t delay = policy_delay_ms(&l->failures, 0);
                log_init("containerd: %s; trying again in %us", err.text, (unsigned)(delay / 1000));
                l->start_at = now + delay;
                return;
        }
        struct epoll_event ev = { .events = EPOLLIN, .data.u32 = l->c.daemon_tag };
        if (epoll_ctl(l->c.epoll, EPOLL_CTL_ADD, l->daemon.pidfd, &ev) < 0)
                log_init("watch containerd: %s", strerror(errno));
}

void link_handle_daemon(Link *l) {
        char text[64];
        if (l->daemon.pidfd < 0)
                return;
        epoll_ctl(l->c.epoll, EPOLL_CTL_DEL, l->daemon.pidfd, NULL);
        daemon_reap(&l->daemon, &l->c.daemon, text, sizeof text);
        drop(l);
        uint64_t now = clock_ms();
        if (l->ending) {
                l->ended = true;
        } else {
                if (!l->was_up)
                        daemon_print_log(&l->daemon, &l->c.daemon);
                uint64_t delay = next_delay(l, now - l->started);
                log_init("containerd %s after %.1fs; restarting in %us", text,
                         (double)(now - l->started) / 1000, (unsigned)(delay / 1000));
                l->start_at = now + delay;
        }
}

void link_hurry(Link *l) {
        if (l->start_at != UINT64_MAX)
                l->start_at = 0;
}

void link_end(Link *l) {
        l->ending = true;
        forget_work(l, true);
        unlink(l->mark);
        if (l->daemon.pid == 0) {
                l->ended = true;
                return;
        }
        daemon_kill(&l->daemon, SIGTERM);
        l->end_at = clock_ms() + END_MS;
}

bool link_is_ending(const Link *l) {
        return l->ending;
}

bool link_has_ended(const Link *l) {
        return l->ended;
}

/* The two moments of a start that takes too long; containerd that never answers is killed. */
static uint64_t patience_end(const Link *l) {
        if (l->daemon.pid == 0 || l->answered || l->ending || l->killed)
                return UINT64_MAX;
        return l->started + (l->slow ? HOPELESS_MS : SLOW_MS);
}

uint64_t link_deadline(const Link *l) {
        uint64_t t = MIN(l->end_at, patience_end(l));
        if (l->daemon.pid == 0)
                return l->ended ? t : MIN(t, l->start_at);
        if (l->grpc) {
                t = MIN(t, grpc_deadline(l->grpc));
                return MIN(t, MIN(l->subscribe_at, l->retry_at));
        }
        return l->ending ? t : MIN(t, l->connect_at);
}

static void check_patience(Link *l, uint64_t now) {
        if (now >= l->end_at) {
                log_init("containerd does not end, killing it");
                daemon_kill(&l->daemon, SIGKILL);
                l->end_at = UINT64_MAX;
        }
        if (now < patience_end(l))
                return;
        log_init("containerd has not answered on %s for %u s", l->c.daemon.socket,
                 (unsigned)((now - l->started) / 1000));
        if (l->slow) {
                l->killed = true;
                daemon_kill(&l->daemon, SIGKILL);
        } else {
                daemon_print_log(&l->daemon, &l->c.daemon);
        }
        l->slow = true;
}

void link_tick(Link *l, uint64_t now_ms) {
        check_patience(l, now_ms);
        if (l->daemon.pid == 0) {
                if (!l->ending && now_ms >= l->start_at)
                        begin_daemon(l, now_ms);
                return;
        }
        if (!l->grpc) {
                if (!l->ending && now_ms >= l->connect_at)
                        try_connect(l, now_ms);
                return;
        }
        grpc_expire(l->grpc, now_ms);
        if (now_ms >= l->subscribe_at)
                subscribe(l);
        if (now_ms < l->retry_at)
                return;
        if (l->answered)
                take_inventory(l);
        else
                drop(l);
}
