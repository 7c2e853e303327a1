/* bootlog.h - when what happened during this boot: one line per event in a file that every boot
 * program appends to.
 *
 * A line is "SECONDS EVENT [NAME [DETAIL]]", SECONDS on CLOCK_BOOTTIME; lines of several processes
 * do not mix.  bootreport.h reads it. */
#pragma once

#define BOOTLOG_PATH "/run/linuxkit/boot.log"

/* The events, in the order in which they usually come. */
#define BOOTLOG_INIT           "init"            /* process 1 has begun */
#define BOOTLOG_ROOT           "root"            /* root and mounts are there */
#define BOOTLOG_DEVICES        "devices"         /* drivers that onboot waits for */
#define BOOTLOG_ONBOOT_BEGIN   "onboot-begin"    /* NAME: its turn has come */
#define BOOTLOG_ONBOOT_RUN     "onboot-run"      /* NAME: handed to the runtime */
#define BOOTLOG_ONBOOT_END     "onboot-end"      /* NAME ok, or NAME failed */
#define BOOTLOG_GATE           "gate"            /* services may start */
#define BOOTLOG_CONTAINERD     "containerd"      /* its process begins */
#define BOOTLOG_CONTAINERD_UP  "containerd-up"   /* it answers */
#define BOOTLOG_SERVICE_BEGIN  "service-begin"   /* NAME: first start */
#define BOOTLOG_SERVICE_START  "service-started" /* NAME */
#define BOOTLOG_SERVICE_READY  "service-ready"   /* NAME: its probe has succeeded */
#define BOOTLOG_SERVICE_FAILED "service-failed"  /* NAME: the first start was none */
#define BOOTLOG_DONE           "done"            /* the first start of every service is decided */

/* Appends an event of this moment; name and detail may be NULL.  After the boot is done and where
 * the file cannot be written it does nothing. */
void bootlog_note(const char *event, const char *name, const char *detail);

/* The same for a moment before there was a place to write to. */
void bootlog_note_at(double seconds, const char *event);
