/* arch.h - one machine, many names: Go's, the kernel's and Debian's. */
#pragma once

typedef struct Arch {
        const char *go;      /* OCI platforms, --arch: "amd64" */
        const char *machine; /* uname -m, QEMU: "x86_64" */
        const char *debian;  /* dpkg: "amd64" */
} Arch;

/* By any of the names; NULL when unknown. */
const Arch *arch_find(const char *name);
/* The machine this program runs on; its Go name is the raw machine name when we do not know it. */
const char *arch_host(void);
