/* kvm.c - see kvm.h.  The trial runs in a child because an ioctl on a broken KVM may never return;
 * such a child is left to the kernel, waiting for it would hang us too.
 *
 * One instruction proves nothing: a KVM without hardware behind it (a cloud machine without nested
 * virtualization, say) interprets guests, a thousand times slower than QEMU's own TCG.  So the
 * guest counts, in the 64-bit mode that kernels run in, and the time limit decides. */
#include "lib/platform/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/mem.h"

enum { TRIAL_MS = 1000 };

/* What the child tells the parent. */
typedef struct Verdict {
        int works;
        int errnum;
        char step[64];
} Verdict;

static void fail(Verdict *v, const char *step, int errnum) {
        v->errnum = errnum;
        strncpy(v->step, step, sizeof(v->step) - 1);
}

#ifdef __x86_64__
/* The guest's memory: page tables that map the first 2 MiB to themselves, then code. */
enum { PML4 = 0x1000, PDPT = 0x2000, DIRECTORY = 0x3000, CODE = 0x4000, MEMORY = 0x5000 };

/* mov $20000000, %ecx; 1: dec %ecx; jnz 1b; hlt.  Some 10 ms on hardware. */
static const unsigned char code[] = {
        0xb9, 0x00, 0x2d, 0x31, 0x01, 0xff, 0xc9, 0x75, 0xfc, 0xf4,
};

static void fill_memory(unsigned char *memory) {
        enum { PRESENT_WRITABLE = 3, LARGE_PAGE = 1 << 7 }; /* Intel SDM vol. 3, 4.5 */
        const uint64_t tables[][2] = {
                { PML4, PDPT | PRESENT_WRITABLE },
                { PDPT, DIRECTORY | PRESENT_WRITABLE },
                { DIRECTORY, LARGE_PAGE | PRESENT_WRITABLE },
        };
        for (size_t i = 0; i < ARRAY_LEN(tables); i++)
                memcpy(memory + tables[i][0], &tables[i][1], sizeof(tables[i][1]));
        memcpy(memory + CODE, code, sizeof code);
}

/* 64-bit mode: paging with PAE, EFER.LME and LMA, a code segment with L (Intel SDM vol.
 * 3, 2.5, 3.4). */
static void enter_long_mode(struct kvm_sregs *s) {
        enum {
                CR0_PE = 1,
                CR0_ET = 1 << 4,
                CR4_PAE = 1 << 5,
                EFER_LME = 1 << 8,
                EFER_LMA = 1 << 10
        };
        struct kvm_segment segment = {
                .limit = UINT32_MAX,
                .selector = 8,
                .type = 11,
                .present = 1,
                .s = 1,
                .l = 1,
                .g = 1,
        };
        s->cr0 = CR0_PE | CR0_ET | 1u << 31; /* PG */
        s->cr3 = PML4;
        s->cr4 = CR4_PAE;
        s->efer = EFER_LME | EFER_LMA;
        s->cs = segment;
        segment.selector = 16;
        segment.type = 3;
        segment.l = 0;
        segment.db = 1;
        s->ds = s->es = s->fs = s->gs = s->ss = segment;
}

static void try_cpu(int vm, int cpu, size_t run_size, Verdict *v) {
        unsigned char *bytes =
                mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        struct kvm_run *run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0);
        if (bytes == MAP_FAILED || run == MAP_FAILED)
                return fail(v, "mmap", errno);
        fill_memory(bytes);
        struct kvm_userspace_memory_region memory = {
                .memory_size = MEMORY,
                .userspace_addr = (uintptr_t)bytes,
        };
        struct kvm_sregs sregs;
        struct kvm_regs regs = { .rip = CODE, .rflags = 2 }; /* bit 1 is always set */
        if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &memory) < 0)
                return fail(v, "KVM_SET_USER_MEMORY_REGION", errno);
        if (ioctl(cpu, KVM_GET_SREGS, &sregs) < 0)
                return fail(v, "KVM_GET_SREGS", errno);
        enter_long_mode(&sregs);
        if (ioctl(cpu, KVM_SET_SREGS, &sregs) < 0)
                return fail(v, "KVM_SET_SREGS", errno);
        if (ioctl(cpu, KVM_SET_REGS, &regs) < 0)
                return fail(v, "KVM_SET_REGS", errno);
        if (ioctl(cpu, KVM_RUN, NULL) < 0)
                return fail(v, "KVM_RUN", errno);
        if (run->exit_reason != KVM_EXIT_HLT)
                return fail(v, "a virtual CPU does not execute code", 0);
        v->works = 1;
}
#elif defined(__aarch64__)
static void try_cpu(int vm, int cpu, size_t run_size, Verdict *v) {
        (void)run_size;
        struct kvm_vcpu_init init;
        if (ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init) < 0)
                return fail(v, "KVM_ARM_PREFERRED_TARGET", errno);
        if (ioctl(cpu, KVM_ARM_VCPU_INIT, &init) < 0)
                return fail(v, "KVM_ARM_VCPU_INIT", errno);
        v->works = 1;
}
#else
static void try_cpu(int vm, int cpu, size_t run_size, Verdict *v) {
        (void)vm, (void)cpu, (void)run_size;
        v->works = 1;
}
#endif

static void try_kvm(Verdict *v) {
        int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
        if (kvm < 0)
                return fail(v, "/dev/kvm", errno);
        int version = ioctl(kvm, KVM_GET_API_VERSION, 0);
        if (version != KVM_API_VERSION)
                return fail(v, "KVM_GET_API_VERSION", version < 0 ? errno : EPROTO);
        int run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
        if (run_size < (int)sizeof(struct kvm_run))
                return fail(v, "KVM_GET_VCPU_MMAP_SIZE", run_size < 0 ? errno : EPROTO);
        int vm = ioctl(kvm, KVM_CREATE_VM, 0);
        if (vm < 0)
                return fail(v, "KVM_CREATE_VM", errno);
        int cpu = ioctl(vm, KVM_CREATE_VCPU, 0);
        if (cpu < 0)
                return fail(v, "KVM_CREATE_VCPU", errno);
        try_cpu(vm, cpu, (size_t)run_size, v);
}

bool kvm_works(Err *e) {
        Verdict v = { 0 };
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0) {
                err_set(e, ERR_IO, errno, "pipe");
                return false;
        }
        _cleanup_fd_ int in = ends[0], out = ends[1];
        pid_t pid = fork();
        if (pid < 0) {
                err_set(e, ERR_IO, errno, "fork");
                return false;
        }
        if (pid == 0) {
                try_kvm(&v);
                _exit(write(out, &v, sizeof v) == sizeof v ? 0 : 1);
        }
        close(fd_take(&out));

        struct pollfd p = { .fd = in, .events = POLLIN };
        int ready;
        do
                ready = poll(&p, 1, TRIAL_MS);
        while (ready < 0 && errno == EINTR);
        if (ready <= 0) {
                kill(pid, SIGKILL);
                waitpid(pid, NULL, WNOHANG);
                err_set(e, ERR_IO, 0, "a virtual CPU hangs or is emulated");
                return false;
        }
        ssize_t n = read(in, &v, sizeof v);
        waitpid(pid, NULL, 0);
        if (n != sizeof v)
                err_set(e, ERR_IO, 0, "the trial of it crashed");
        else if (!v.works)
                err_set(e, ERR_IO, v.errnum, "%s", v.step);
        return n == sizeof v && v.works;
}
