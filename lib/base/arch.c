/* arch.c - see arch.h. */
#include "lib/base/arch.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

#include <sys/utsname.h>

static const Arch arches[] = {
        { "amd64", "x86_64", "amd64" },
        { "arm64", "aarch64", "arm64" },
        { "riscv64", "riscv64", "riscv64" },
        { "s390x", "s390x", "s390x" },
};

const Arch *arch_find(const char *name) {
        for (size_t i = 0; i < ARRAY_LEN(arches); i++)
                if (str_eq(arches[i].go, name) || str_eq(arches[i].machine, name) ||
                    str_eq(arches[i].debian, name))
                        return &arches[i];
        return NULL;
}

const char *arch_host(void) {
        static struct utsname u;
        uname(&u);
        const Arch *a = arch_find(u.machine);
        return a ? a->go : u.machine;
}
