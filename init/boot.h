/* boot.h - the steps between the mounts and the running system (boot.md 5.3 to 5.9). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What the boot process tells pid 1, one byte each. */
enum {
        BOOT_START_CONTAINERD = 'S', /* mounts and devices are there, a second processor is idle */
        BOOT_LINK_DEVICES = 'L',     /* the drivers of disks are there: set links_made soon */
        BOOT_OPEN_GATE = 'G',        /* the hook order has reached the services: start them */
};

/* The page that boot and device processes share with pid 1. */
typedef struct BootShared {
        volatile uint64_t seen_event; /* last uevent that a finished coldplug pass covers */
        volatile bool no_modules;     /* no device will ever want a driver of us */
        volatile bool coldplugging;   /* the boot process still looks for drivers itself */
        volatile bool have_services;  /* there is something for a supervisor to do */
        uint32_t links_made; /* a futex: 1 after the pass that BOOT_LINK_DEVICES asks for */
} BootShared;

/* RLIMIT_NOFILE and RLIMIT_NPROC for everything started later (boot.md 5.6). */
void boot_limits(void);

/* Environment of every program that init starts. */
void boot_environment(void);

/* Exit status of the boot process: an onboot container has failed and wants the boot to stop. */
#define BOOT_STOPPED 3

/* A real machine: drivers, clock, loopback, host name, resolv.conf, banner, hooks.  Runs in a child
 * of pid 1 and writes BOOT_ bytes to fd.  Returns the exit status. */
int boot_machine(int fd, BootShared *shared);

/* Inside a container of the `docker` output: no devices, clock or interfaces. */
int boot_userspace(int fd, BootShared *shared);

/* The host name that a file's text stands for: white space at both ends removed, at most n - 1
 * bytes.  Returns its length. */
unsigned long boot_trim_hostname(const char *text, char *buf, unsigned long n);
