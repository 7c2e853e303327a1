/* bootreport.c - see bootreport.h.
 *
 * The phases are not a partition of the time: containerd and services run beside each other and
 * beside onboot, so their shares may add up to more than the whole.  What no phase covers is a
 * phase of its own, so that nothing hides. */
#include "lib/base/bootreport.h"

#include <jansson.h>
#include <stdint.h>

#include "lib/base/mem.h"

enum {
        EVENTS_MAX = 1024,
        NAME_MAX_BYTES = 64,
        BAR_COLUMNS = 32,
        NAME_COLUMNS = 28,
};

/* A boot of more than a year is a damaged line. */
#define SECONDS_MAX 31622400.0

static const char *const kinds[] = {
        BOOTREPORT_INIT,           BOOTREPORT_ROOT,          BOOTREPORT_DEVICES,
        BOOTREPORT_ONBOOT_BEGIN,   BOOTREPORT_ONBOOT_RUN,    BOOTREPORT_ONBOOT_END,
        BOOTREPORT_GATE,           BOOTREPORT_CONTAINERD,    BOOTREPORT_CONTAINERD_UP,
        BOOTREPORT_SERVICE_BEGIN,  BOOTREPORT_SERVICE_START, BOOTREPORT_SERVICE_READY,
        BOOTREPORT_SERVICE_FAILED, BOOTREPORT_STOPPED,       BOOTREPORT_COMPLETE,
        BOOTREPORT_DONE,
};

typedef struct Event {
        double at;
        const char *kind; /* one of kinds: compared by address */
        char *name, *detail;
        size_t order; /* of arrival, for equal times */
} Event;

struct BootReport {
        Event *events;
        size_t n, cap;
        double made, host; /* negative: not known */
};

typedef struct Phase {
        const char *kind, *name, *note; /* name and note may be NULL */
        double from, to;
} Phase;

typedef struct Phases {
        Phase *v;
        size_t n, cap;
        const char *result; /* "done", "stopped", "unfinished" */
        double end;
} Phases;

/* --- events --------------------------------------------------------------------------------- */

static const char *find_kind(const char *word) {
        for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
                if (str_eq(kinds[i], word))
                        return kinds[i];
        return NULL;
}

/* Printable ASCII without quotes; the rest becomes '?'. */
static char *clean(const char *text) {
        char *s = text ? xstrndup(text, NAME_MAX_BYTES) : NULL;
        for (char *p = s; p && *p; p++)
                if (*p <= ' ' || *p > '~' || *p == '"' || *p == '\\')
                        *p = '?';
        return s;
}

static void add_event(BootReport *r, double at, const char *word, const char *name,
                      const char *detail) {
        const char *kind = find_kind(word);
        if (!kind || r->n == EVENTS_MAX || !(at >= 0 && at <= SECONDS_MAX))
                return;
        size_t order = r->n;
        *vec_push(r->events, r->n, r->cap) = (Event){
                .at = at, .kind = kind, .name = clean(name), .detail = clean(detail), .order = order
        };
}

static int by_time(const void *a, const void *b) {
        const Event *x = a, *y = b;
        if (x->at != y->at)
                return x->at < y->at ? -1 : 1;
        return x->order < y->order ? -1 : x->order > y->order;
}

/* Several processes write, each with the time of before it wrote. */
static void sort_events(BootReport *r) {
        if (r->n)
                qsort(r->events, r->n, sizeof *r->events, by_time);
}

static BootReport *report_new(void) {
        BootReport *r = xcalloc(1, sizeof *r);
        r->made = r->host = -1;
        return r;
}

void bootreport_free(BootReport *r) {
        if (!r)
                return;
        for (size_t i = 0; i < r->n; i++) {
                free(r->events[i].name);
                free(r->events[i].detail);
        }
        free(r->events);
        free(r);
}

static void add_line(BootReport *r, char *line) {
        char *rest = line, *end;
        const char *at = strsep(&rest, " "), *word = strsep(&rest, " ");
        double seconds = strtod(at, &end);
        if (!word || end == at || *end)
                return;
        const char *name = strsep(&rest, " ");
        add_event(r, seconds, word, name, rest);
}

BootReport *bootreport_from_log(const char *text, size_t len) {
        BootReport *r = report_new();
        for (size_t i = 0; i < len;) {
                const char *end = memchr(text + i, '\n', len - i);
                if (!end)
                        break; /* still being written */
                size_t n = (size_t)(end - text) - i;
                _cleanup_free_ char *line = xstrndup(text + i, n);
                add_line(r, line);
                i += n + 1;
        }
        sort_events(r);
        return r;
}

static double number(const json_t *o, const char *key) {
        const json_t *v = json_object_get(o, key);
        double d = json_is_number(v) ? json_number_value(v) : -1;
        return d >= 0 && d <= SECONDS_MAX ? d : -1;
}

static const char *string(const json_t *o, const char *key) {
        return json_string_value(json_object_get(o, key));
}

int bootreport_from_json(const char *text, size_t len, BootReport **ret, Err *e) {
        json_error_t why;
        json_t *root = len > BOOTREPORT_JSON_MAX
                               ? NULL
                               : json_loadb(text, len, JSON_REJECT_DUPLICATES, &why);
        const json_t *events = json_object_get(root, "events"), *o;
        size_t i;
        if (!json_is_array(events)) {
                json_decref(root);
                return err_set(e, ERR_VERIFY, 0, "the report of the machine is not readable");
        }
        BootReport *r = report_new();
        r->made = number(root, "made");
        json_array_foreach(events, i, o) {
                const char *word = string(o, "event");
                if (word)
                        add_event(r, number(o, "at"), word, string(o, "name"), string(o, "detail"));
        }
        json_decref(root);
        sort_events(r);
        *ret = r;
        return 0;
}

void bootreport_set_made(BootReport *r, double seconds) {
        r->made = seconds;
}

void bootreport_set_host(BootReport *r, double seconds) {
        r->host = seconds;
}

/* --- phases --------------------------------------------------------------------------------- */

/* The first event of this kind from index i on; name NULL: of any.  NULL when there is none. */
static const Event *find(const BootReport *r, size_t i, const char *kind, const char *name) {
        for (; i < r->n; i++)
                if (str_eq(r->events[i].kind, kind) && (!name || str_eq(r->events[i].name, name)))
                        return &r->events[i];
        return NULL;
}

static const Event *first(const BootReport *r, const char *kind) {
        return find(r, 0, kind, NULL);
}

/* Without services nobody opens the gate, and the last hook is the end. */
static const Event *last_event(const BootReport *r) {
        const Event *stopped = first(r, BOOTREPORT_STOPPED), *done = first(r, BOOTREPORT_DONE);
        if (stopped || done)
                return stopped ? stopped : done;
        return first(r, BOOTREPORT_GATE) ? NULL : first(r, BOOTREPORT_COMPLETE);
}

bool bootreport_is_finished(const BootReport *r) {
        return last_event(r) != NULL;
}

static void add_phase(Phases *p, const char *kind, const char *name, double from, double to,
                      const char *note) {
        *vec_push(p->v, p->n, p->cap) = (Phase){
                .kind = kind, .name = name, .note = note, .from = from, .to = MAX(from, to)
        };
}

/* init's own share ends when the first container is handed to the runtime. */
static double init_end(const BootReport *r, double end) {
        static const char *const ends[] = { BOOTREPORT_ONBOOT_RUN, BOOTREPORT_ONBOOT_END,
                                            BOOTREPORT_GATE };
        for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
                const Event *ev = first(r, ends[i]);
                if (ev)
                        end = MIN(end, ev->at);
        }
        return end;
}

static void add_onboot(Phases *p, const BootReport *r, size_t i, double init_to) {
        const Event *ev = &r->events[i], *end = find(r, i, BOOTREPORT_ONBOOT_END, ev->name);
        const char *note = !end ? "had not ended" : str_eq(end->detail, "ok") ? NULL : "failed";
        add_phase(p, "onboot", ev->name, MAX(ev->at, init_to), end ? end->at : p->end, note);
}

static void add_service(Phases *p, const BootReport *r, size_t i) {
        static const struct {
                const char *kind, *note;
        } ends[] = { { BOOTREPORT_SERVICE_READY, "ready" },
                     { BOOTREPORT_SERVICE_FAILED, "failed" }, /* may have been started before */
                     { BOOTREPORT_SERVICE_START, NULL } };
        const Event *ev = &r->events[i], *end = NULL;
        const char *note = "had not started";
        for (size_t k = 0; k < ARRAY_LEN(ends) && !end; k++) {
                end = find(r, i, ends[k].kind, ev->name);
                if (end)
                        note = ends[k].note;
        }
        add_phase(p, "service", ev->name, ev->at, end ? end->at : p->end, note);
}

static int by_begin(const void *a, const void *b) {
        const Phase *x = a, *y = b;
        return x->from < y->from ? -1 : x->from > y->from;
}

/* Time in which no phase was. */
static double uncovered(const Phases *p) {
        Phase *v = xcalloc(p->n + 1, sizeof *v);
        double gap = 0, covered = 0;
        for (size_t i = 0; i < p->n; i++)
                v[i] = p->v[i];
        qsort(v, p->n, sizeof *v, by_begin);
        for (size_t i = 0; i < p->n; i++) {
                if (v[i].from > covered)
                        gap += MIN(v[i].from, p->end) - MIN(covered, p->end);
                covered = MAX(covered, v[i].to);
        }
        free(v);
        return gap + MAX(0, p->end - covered);
}

static Phases phases_of(const BootReport *r) {
        const Event *last = last_event(r), *begin = first(r, BOOTREPORT_INIT);
        Phases p = { 0 };
        p.result = !last                                    ? "unfinished"
                   : str_eq(last->kind, BOOTREPORT_STOPPED) ? "stopped"
                                                            : "done";
        p.end = last ? last->at : MAX(r->made, r->n ? r->events[r->n - 1].at : 0);
        double init_from = begin ? begin->at : 0, init_to = MAX(init_from, init_end(r, p.end));
        if (begin) {
                add_phase(&p, "kernel", NULL, 0, init_from, NULL);
                add_phase(&p, "init", NULL, init_from, init_to, NULL);
        }
        const Event *daemon = first(r, BOOTREPORT_CONTAINERD);
        for (size_t i = 0; i < r->n && r->events[i].at <= p.end; i++) {
                const Event *ev = &r->events[i];
                if (str_eq(ev->kind, BOOTREPORT_ONBOOT_BEGIN) && ev->name)
                        add_onboot(&p, r, i, init_to);
                else if (str_eq(ev->kind, BOOTREPORT_SERVICE_BEGIN) && ev->name)
                        add_service(&p, r, i);
                else if (ev == daemon) {
                        const Event *up = find(r, i, BOOTREPORT_CONTAINERD_UP, NULL);
                        add_phase(&p, "containerd", NULL, ev->at, up ? up->at : p.end,
                                  up ? NULL : "had not answered");
                }
        }
        return p;
}

/* --- JSON ----------------------------------------------------------------------------------- */

/* Microseconds are what the clock of a boot is good for. */
static json_t *seconds(double d) {
        return json_real((double)(int64_t)(d * 1e6 + 0.5) / 1e6);
}

static json_t *phase_json(const Phase *ph) {
        return json_pack("{s:s,s:s*,s:s*,s:o,s:o,s:o}", "phase", ph->kind, "name", ph->name, "note",
                         ph->note, "from", seconds(ph->from), "to", seconds(ph->to), "seconds",
                         seconds(ph->to - ph->from));
}

static json_t *event_json(const Event *ev) {
        return json_pack("{s:o,s:s,s:s*,s:s*}", "at", seconds(ev->at), "event", ev->kind, "name",
                         ev->name, "detail", ev->detail);
}

void bootreport_add_json(const BootReport *r, Buf *b) {
        Phases p = phases_of(r);
        json_t *root =
                json_pack("{s:i,s:s,s:o}", "version", 1, "result", p.result, "end", seconds(p.end));
        json_t *phases = json_array(), *events = json_array();
        if (r->made >= 0)
                json_object_set_new(root, "made", seconds(r->made));
        if (r->host >= 0)
                json_object_set_new(root, "host", seconds(r->host));
        for (size_t i = 0; i < p.n; i++)
                json_array_append_new(phases, phase_json(&p.v[i]));
        for (size_t i = 0; i < r->n; i++)
                json_array_append_new(events, event_json(&r->events[i]));
        json_object_set_new(root, "other", seconds(uncovered(&p)));
        json_object_set_new(root, "phases", phases);
        json_object_set_new(root, "events", events);
        char *text = json_dumps(root, JSON_COMPACT | JSON_REAL_PRECISION(12));
        buf_adds(b, text ? text : "{}");
        buf_addc(b, '\n');
        free(text);
        json_decref(root);
        free(p.v);
}

/* --- table ---------------------------------------------------------------------------------- */

static void add_bar(Buf *b, const Phase *ph, double end) {
        if (end <= 0)
                return;
        int from = (int)(MIN(ph->from, end) / end * BAR_COLUMNS);
        int to = (int)(MIN(ph->to, end) / end * BAR_COLUMNS + 0.99);
        from = MIN(from, BAR_COLUMNS - 1);
        buf_addf(b, "  %*s", from, "");
        for (int i = from; i < MAX(to, from + 1); i++)
                buf_addc(b, '#');
}

static void add_row(Buf *b, const Phase *ph, double end) {
        char label[NAME_MAX_BYTES + 16];
        double took = ph->to - ph->from;
        snprintf(label, sizeof label, "%s%s%s", ph->kind, ph->name ? " " : "",
                 ph->name ? ph->name : "");
        buf_addf(b, "%-*.*s %9.3f %9.3f %5.1f %%", NAME_COLUMNS, NAME_COLUMNS, label, ph->from,
                 took, end > 0 ? took / end * 100 : 0);
        add_bar(b, ph, end);
        if (ph->note && !str_eq(ph->note, "ready"))
                buf_addf(b, "  %s", ph->note);
        buf_addc(b, '\n');
}

void bootreport_add_table(const BootReport *r, Buf *b) {
        Phases p = phases_of(r);
        buf_addf(b, "%-*s %9s %9s %7s\n", NAME_COLUMNS, "boot", "from (s)", "took (s)", "share");
        for (size_t i = 0; i < p.n; i++)
                add_row(b, &p.v[i], p.end);
        double other = uncovered(&p);
        if (p.n)
                buf_addf(b, "%-*s %9s %9.3f %5.1f %%\n", NAME_COLUMNS, "none of these", "", other,
                         p.end > 0 ? other / p.end * 100 : 0);
        buf_addf(b, "%-*s %9.3f\n", NAME_COLUMNS,
                 str_eq(p.result, "unfinished") ? "not done when the report was made" : p.result,
                 p.end);
        if (r->host >= 0 && r->made >= 0)
                buf_addf(b,
                         "QEMU's start to this report: %.3f s, of which %.3f s before the clock of "
                         "the kernel\n",
                         r->host, MAX(0, r->host - r->made));
        free(p.v);
}
