/* bootlog.h - when what happened during this boot: one line per event in a file that every boot
 * program appends to.
 *
 * A line is "SECONDS EVENT [NAME [DETAIL]]", SECONDS on CLOCK_BOOTTIME; lines of several processes
 * do not mix.  The events and what is read out of them stand in bootreport.h; reporter.h hands the
 * report out. */
#pragma once

#include "lib/base/bootreport.h"

#define BOOTLOG_PATH "/run/linuxkit/boot.log"

#define BOOTLOG_INIT           BOOTREPORT_INIT
#define BOOTLOG_ROOT           BOOTREPORT_ROOT
#define BOOTLOG_DEVICES        BOOTREPORT_DEVICES
#define BOOTLOG_ONBOOT_BEGIN   BOOTREPORT_ONBOOT_BEGIN
#define BOOTLOG_ONBOOT_RUN     BOOTREPORT_ONBOOT_RUN
#define BOOTLOG_ONBOOT_END     BOOTREPORT_ONBOOT_END
#define BOOTLOG_GATE           BOOTREPORT_GATE
#define BOOTLOG_CONTAINERD     BOOTREPORT_CONTAINERD
#define BOOTLOG_CONTAINERD_UP  BOOTREPORT_CONTAINERD_UP
#define BOOTLOG_SERVICE_BEGIN  BOOTREPORT_SERVICE_BEGIN
#define BOOTLOG_SERVICE_START  BOOTREPORT_SERVICE_START
#define BOOTLOG_SERVICE_READY  BOOTREPORT_SERVICE_READY
#define BOOTLOG_SERVICE_FAILED BOOTREPORT_SERVICE_FAILED
#define BOOTLOG_STOPPED        BOOTREPORT_STOPPED
#define BOOTLOG_COMPLETE       BOOTREPORT_COMPLETE
#define BOOTLOG_DONE           BOOTREPORT_DONE

/* Appends an event of this moment; name and detail may be NULL.  Where the file cannot be written
 * or is full (BOOTREPORT_LOG_MAX) it does nothing. */
void bootlog_note(const char *event, const char *name, const char *detail);

/* The same for a moment before there was a place to write to. */
void bootlog_note_at(double seconds, const char *event);
