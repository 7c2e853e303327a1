# The programs that run inside the machine: NAME_SRC, NAME_LIBS (static libraries; their packages stand in
# tools/install-deps and tools/sysroot), NAME_MUSL (needs nothing but a C library, so musl will do), NAME_SHARED (a shared
# library that needs none: its options).
# pkg/NAME/build.yml takes them from build/target/ARCH/NAME.

PROGRAMS := init sysctl rngd dhcpcd getty stub libsystemd logwrite

program_sources = $(filter-out %_test.c %_fuzz.c,$(wildcard $(1)/*.c))

init_SRC  := $(call program_sources,init) lib/base/err.c lib/base/mem.c lib/base/str.c \
	lib/base/bootreport.c
init_LIBS := -lnghttp2 -ljansson

sysctl_SRC  := $(call program_sources,pkg/sysctl)
sysctl_MUSL := yes
logwrite_SRC  := $(call program_sources,pkg/logwrite)
logwrite_MUSL := yes
rngd_SRC    := $(call program_sources,pkg/rngd)
rngd_MUSL   := yes
dhcpcd_SRC  := $(call program_sources,pkg/dhcpcd)
dhcpcd_MUSL := yes

# first process of the small initramfs of disks and ISO images (pkg/bootloader)
stub_SRC  := $(call program_sources,pkg/bootloader)
stub_MUSL := yes

# getty: crypt(3) of libxcrypt, so that every kind of hash that a host makes works
getty_SRC  := $(call program_sources,pkg/getty)
getty_LIBS := -lcrypt

# stands in for systemd's library, which Debian's crun names (pkg/crun)
libsystemd_SRC    := $(call program_sources,pkg/crun)
libsystemd_SHARED := -Wl,-soname,libsystemd.so.0 -Wl,--version-script=pkg/crun/libsystemd.map
