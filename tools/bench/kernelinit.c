/* kernelinit.c - process 1 of tools/bench/kernel: says when it was reached and what memory was
 * left, switches off. Everything else would be measured along. */
#include <stdio.h>
#include <sys/reboot.h>
#include <sys/sysinfo.h>
#include <time.h>

int main(void) {
        struct timespec now = { 0 };
        struct sysinfo info = { .mem_unit = 1 };
        clock_gettime(CLOCK_BOOTTIME, &now);
        sysinfo(&info);
        printf("bench: %ld.%09ld %llu\n", (long)now.tv_sec, now.tv_nsec,
               (unsigned long long)info.freeram * info.mem_unit);
        fflush(stdout);
        reboot(RB_POWER_OFF);
        return 1;
}
