# One Makefile, non-recursive.
#   make            build/linuxkit and the programs of the component images
#   make demo       build an image from examples/linuxkit.yml, boot it, show it working
#   make check      unit tests and whole-program tests without a machine (minutes)
#   make test       all of that and the tests that boot machines
#   make lint       formatting, compiler warnings of a second compiler, shell scripts
#   make install    DESTDIR, PREFIX
# Variables: CC, CFLAGS, BUILD (output folder), SAN=1 (address and undefined behaviour sanitizers),
# ARCHES (architectures of the component programs: amd64 arm64; default: this machine's; see docs/cross.md).

.DELETE_ON_ERROR:
.SUFFIXES:

SAN      ?=
BUILD    ?= $(if $(SAN),build/san,build)
CC       ?= cc
CFLAGS   ?= -O2 -g
PREFIX   ?= /usr/local
VERSION  := 0.1.0

WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes
HARDEN   := -fstack-protector-strong $(if $(SAN),,-D_FORTIFY_SOURCE=2)
, := ,
SANFLAGS := $(if $(SAN),-fsanitize=address$(,)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
CPPFLAGS += -D_GNU_SOURCE -I. -DLINUXKIT_VERSION='"$(VERSION)"'
COMPILE   = $(CC) -std=gnu17 $(CPPFLAGS) $(WARNINGS) $(HARDEN) $(SANFLAGS) $(CFLAGS) -MMD -MP
LDLIBS    = -lyaml -larchive -lcurl -lcrypto -ljansson -lzstd -lz -lxxhash -lpthread

all: $(BUILD)/linuxkit programs

# --- the command -----------------------------------------------------------------------------------

LIB_SRC  := $(filter-out %_test.c %_fuzz.c,$(wildcard lib/*/*.c))
CMD_SRC  := $(filter-out %_test.c,$(wildcard cmd/linuxkit/*.c))
LIB_OBJ  := $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
CMD_OBJ  := $(CMD_SRC:%.c=$(BUILD)/obj/%.o)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(COMPILE) -c $< -o $@

$(BUILD)/liblinuxkit.a: $(LIB_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/linuxkit: $(CMD_OBJ) $(BUILD)/liblinuxkit.a
	$(COMPILE) -o $@ $^ $(LDFLAGS) $(LDLIBS)

# --- programs that run inside the machine ------------------------------------------------------------
# Static, one per line of PROGRAMS, for every architecture of ARCHES, at build/target/ARCH/NAME.

HOST_ARCH := $(patsubst x86_64,amd64,$(patsubst aarch64,arm64,$(shell uname -m)))
ARCHES    ?= $(HOST_ARCH)
TARGET    := build/target
CC_amd64  := $(if $(filter amd64,$(HOST_ARCH)),gcc,x86_64-linux-gnu-gcc)
CC_arm64  := $(if $(filter arm64,$(HOST_ARCH)),gcc,aarch64-linux-gnu-gcc)
# Another architecture needs its own headers and static libraries: tools/sysroot gets them. They are named
# before the compiler's, which has some of its own when Debian's cross libraries are installed as well.
TRIPLET_amd64 := x86_64-linux-gnu
TRIPLET_arm64 := aarch64-linux-gnu
SYSROOT        = $(if $(filter $(HOST_ARCH),$(1)),,build/sysroot/$(1))
CROSS_CFLAGS   = $(foreach s,$(SYSROOT),--sysroot=$s -isystem $s/usr/include/$(TRIPLET_$(1)) -isystem $s/usr/include)
CROSS_LDFLAGS  = $(foreach s,$(SYSROOT),--sysroot=$s -B$s/usr/lib/$(TRIPLET_$(1))/)
TARGET_CFLAGS := -Os -g0 -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections
# The build folder and the time of the build must not reach a program that goes into an image.
TARGET_COMPILE = -std=gnu17 -D_GNU_SOURCE -I. $(WARNINGS) -fstack-protector-strong $(TARGET_CFLAGS) \
	-ffile-prefix-map=$(CURDIR)=. -MMD -MP
TARGET_LINK = $(if $(1),-shared -nostdlib $(1),-static) -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,noseparate-code -s

include pkg/programs.mk

# musl makes a small program ten times smaller, but Debian has it for the host's own architecture only.
CC_musl   = $(if $(filter $(HOST_ARCH),$(1)),musl-gcc -idirafter /usr/include -idirafter /usr/include/$(shell uname -m)-linux-gnu,$(CC_$(1)))

define PROGRAM_RULES
$(foreach p,$(PROGRAMS),
$($(p)_SRC:%.c=$(TARGET)/$(1)/obj/%.o): $(TARGET)/$(1)/obj/%.o: %.c $(SYSROOT:%=%/packages)
	@mkdir -p $$(@D)
	$(if $($(p)_MUSL),$(CC_musl),$(CC_$(1))) $(CROSS_CFLAGS) $$(TARGET_COMPILE) $(if $($(p)_SHARED),-fPIC) -c $$< -o $$@
$(TARGET)/$(1)/$(p): $($(p)_SRC:%.c=$(TARGET)/$(1)/obj/%.o)
	$(if $($(p)_MUSL),$(CC_musl),$(CC_$(1))) $(CROSS_LDFLAGS) $(call TARGET_LINK,$($(p)_SHARED)) -o $$@ $$^ $($(p)_LIBS))
programs: $(PROGRAMS:%=$(TARGET)/$(1)/%)
endef
$(foreach a,$(ARCHES),$(eval $(call PROGRAM_RULES,$(a))))

build/sysroot/%/packages: tools/sysroot
	tools/sysroot $*

# --- tests -------------------------------------------------------------------------------------------
# A unit test program stands beside what it tests: X_test.c -> build/test/X_test.

UNIT_SRC  := $(wildcard lib/*/*_test.c cmd/linuxkit/*_test.c init/*_test.c pkg/*/*_test.c)
UNIT      := $(UNIT_SRC:%.c=$(BUILD)/test/%)
INIT_OBJ  := $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out %_test.c %_fuzz.c init/main.c,$(wildcard init/*.c)))
$(BUILD)/libinit.a: $(INIT_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/test/lib/%_test: $(BUILD)/obj/lib/%_test.o $(BUILD)/liblinuxkit.a
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $^ $(LDLIBS) -lcmocka
$(BUILD)/test/cmd/%_test: $(BUILD)/obj/cmd/%_test.o $(filter-out %/main.o,$(CMD_OBJ)) $(BUILD)/liblinuxkit.a
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $^ $(LDLIBS) -lcmocka
$(BUILD)/test/init/%_test: $(BUILD)/obj/init/%_test.o $(BUILD)/libinit.a $(BUILD)/liblinuxkit.a
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $^ -lnghttp2 $(LDLIBS) -lcmocka
# The small programs of pkg/ have no library: their tests include the source they test.
$(BUILD)/test/pkg/%_test: $(BUILD)/obj/pkg/%_test.o
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $^ $(LDLIBS) -lcrypt -lcmocka

unit: $(UNIT)

check: all unit
	test/run check $(BUILD)

# These two install what is missing first, so they must not need it already.
test:
	tools/test

demo:
	tools/demo

lint:
	tools/lint

# --- documents and installation ----------------------------------------------------------------------

MAN_PAGES = $(shell $(BUILD)/linuxkit __man --list 2>/dev/null)

# Components that `linuxkit build` itself takes files from, with their compiled programs (lib/build/bootfiles.c).
SHARED_PKGS     := bootloader bootloader-bios raspi-firmware
SHARED_PROGRAMS := stub
SHARE            = $(DESTDIR)$(PREFIX)/share/linuxkit

install: all
	install -D -m 755 $(BUILD)/linuxkit $(DESTDIR)$(PREFIX)/bin/linuxkit
	set -e; for f in $(foreach p,$(SHARED_PKGS),$(wildcard $(addprefix pkg/$(p)/,build.yml native.lock SOURCE))); do \
		install -D -m 644 $$f $(SHARE)/$$f; done
	set -e; for f in $(foreach a,$(ARCHES),$(addprefix $(a)/,$(SHARED_PROGRAMS))); do \
		install -D -m 755 $(TARGET)/$$f $(SHARE)/programs/$$f; done
	install -d $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	set -e; for page in $(MAN_PAGES); do \
		$(BUILD)/linuxkit __man $$page > $(DESTDIR)$(PREFIX)/share/man/man1/$$page.1; done
	$(BUILD)/linuxkit completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/linuxkit
	$(BUILD)/linuxkit completion zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_linuxkit
	$(BUILD)/linuxkit completion fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/linuxkit.fish

clean:
	rm -rf build

.PHONY: all programs unit check test demo lint install clean

-include $(LIB_OBJ:.o=.d) $(CMD_OBJ:.o=.d) $(INIT_OBJ:.o=.d) $(UNIT_SRC:%.c=$(BUILD)/obj/%.d)
-include $(foreach a,$(ARCHES),$(wildcard $(TARGET)/$(a)/obj/*/*.d $(TARGET)/$(a)/obj/*/*/*.d))
