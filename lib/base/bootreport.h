/* bootreport.h - where the time of a boot went: the events that init noted, as phases, as a table
 * for people and as JSON for programs.  init makes the report and `run qemu --boot-report` reads
 * what a machine sent, so both inputs are hostile: they are bounded, and no byte of a name that a
 * terminal could take for a command survives. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/str.h"

/* The virtio port through which a machine hands its reports out, a line each; the reader answers
 * each with a newline. */
#define BOOTREPORT_PORT "linuxkit.boot"

enum {
        BOOTREPORT_LOG_MAX = 64 << 10,   /* of the event file */
        BOOTREPORT_JSON_MAX = 512 << 10, /* of one report */
};

/* The events, in the order in which they usually come. */
#define BOOTREPORT_INIT           "init"            /* process 1 has begun */
#define BOOTREPORT_ROOT           "root"            /* root and mounts are there */
#define BOOTREPORT_DEVICES        "devices"         /* drivers that onboot waits for */
#define BOOTREPORT_ONBOOT_BEGIN   "onboot-begin"    /* NAME: its turn has come */
#define BOOTREPORT_ONBOOT_RUN     "onboot-run"      /* NAME: handed to the runtime */
#define BOOTREPORT_ONBOOT_END     "onboot-end"      /* NAME ok, or NAME failed */
#define BOOTREPORT_GATE           "gate"            /* services may start */
#define BOOTREPORT_CONTAINERD     "containerd"      /* its process begins */
#define BOOTREPORT_CONTAINERD_UP  "containerd-up"   /* it answers */
#define BOOTREPORT_SERVICE_BEGIN  "service-begin"   /* NAME: first start */
#define BOOTREPORT_SERVICE_START  "service-started" /* NAME */
#define BOOTREPORT_SERVICE_READY  "service-ready"   /* NAME: its probe has succeeded */
#define BOOTREPORT_SERVICE_FAILED "service-failed"  /* NAME: the first start was none */
#define BOOTREPORT_STOPPED        "stopped"         /* an onboot container ended the boot */
#define BOOTREPORT_COMPLETE       "complete"        /* all hooks have run */
#define BOOTREPORT_DONE           "done" /* the first start of every service is decided */

typedef struct BootReport BootReport;

/* From lines "SECONDS EVENT [NAME [DETAIL]]"; what is no such line is passed over. */
BootReport *bootreport_from_log(const char *text, size_t len);

/* From one object that bootreport_add_json() wrote, in whatever machine.  ERR_VERIFY. */
int bootreport_from_json(const char *text, size_t len, BootReport **ret, Err *e);

void bootreport_free(BootReport *r); /* r may be NULL */

/* Nothing more will come: all is started, or the boot was stopped. */
bool bootreport_is_finished(const BootReport *r);

/* When the report was made, on the clock of the machine. */
void bootreport_set_made(BootReport *r, double seconds);

/* Seconds from the start of the emulator to the arrival of the report. */
void bootreport_set_host(BootReport *r, double seconds);

/* One line with a newline at its end. */
void bootreport_add_json(const BootReport *r, Buf *b);

/* Lines of less than 110 columns, ASCII only. */
void bootreport_add_table(const BootReport *r, Buf *b);
