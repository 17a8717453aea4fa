# SPDX-License-Identifier: GPL-2.0
#
# Targets for people; `make help` lists them. What is compiled into the modules
# stands in Kbuild. Works from any directory: make -C TREE, make -f TREE/Makefile.

TOP := $(patsubst %/,%,$(dir $(realpath $(lastword $(MAKEFILE_LIST)))))

# The version stands in dkms.conf alone.
VERSION := $(shell sed -n 's/^PACKAGE_VERSION="\(.*\)"$$/\1/p' $(TOP)/dkms.conf)
KVER ?= $(shell uname -r)
KDIR ?= /lib/modules/$(KVER)/build
PREFIX ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
UDEVDIR ?= /usr/lib/udev
DESTDIR ?=
DEPMOD ?= depmod

# V=1 and the like reach kbuild by way of MAKEFLAGS.
# GCOV=1: the modules count what runs, on a kernel with GCOV_KERNEL.
KMAKE = $(MAKE) -C $(KDIR) M=$(TOP) $(if $(filter 1 y,$(GCOV)),GCOV_PROFILE=y)

# Where kbuild installs to: Debian's headers overrule the file of the kernel.
RELEASE = $(or $(shell sed -n 's/^override KERNELRELEASE = //p' \
		$(KDIR)/.kernelvariables 2>/dev/null),\
	$(shell cat $(KDIR)/include/config/kernel.release))

WITH_PROC = $(TOP)/tests/with-proc

.DEFAULT_GOAL := all
.PHONY: all modules testmods tools unit install modules_install udev_install \
	dkms-install demo check check-debug proof lab soak bench style clean help

all: modules ## the modules, for the running kernel or KDIR=

modules:
	+$(KMAKE) modules

testmods: ## the modules and the test modules of tests/mod
	+$(KMAKE) FIDO_TESTS=y modules

tools: ## fidoctl
	$(MAKE) -C $(TOP)/tools

install: modules_install udev_install ## modules, rules for udev, fidoctl and its man page (DESTDIR=, PREFIX=)
	$(MAKE) -C $(TOP)/tools install DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) \
		SBINDIR=$(SBINDIR) MANDIR=$(MANDIR)

modules_install: modules
	+$(KMAKE) $(if $(DESTDIR),INSTALL_MOD_PATH=$(DESTDIR)) DEPMOD=true \
		modules_install
	$(DEPMOD) $(if $(DESTDIR),-b $(DESTDIR)) $(RELEASE)

udev_install:
	install -D -m 644 $(TOP)/tools/60-persistent-mmblk.rules \
		$(DESTDIR)$(UDEVDIR)/rules.d/60-persistent-mmblk.rules

# dkms skips a version that is installed, also if its sources are others now.
DKMS_SRC = $(DESTDIR)/usr/src/fido-$(VERSION)
DKMS_FORGET = if dkms status -m fido -v $(VERSION) | grep -q .; then \
	dkms remove -m fido -v $(VERSION) --all; fi

dkms-install: udev_install ## modules through dkms, rebuilt for each kernel, and udev's rules
	$(if $(DESTDIR),,$(DKMS_FORGET))
	rm -rf $(DKMS_SRC)
	mkdir -p $(DKMS_SRC)
	cd $(TOP) && tar -cf - --exclude='*.o' --exclude='*.ko' --exclude='*.mod' \
		--exclude='*.mod.c' --exclude='.*.cmd' Kbuild Makefile compat.mk \
		dkms.conf LICENSE include fido mmnet mmblk | tar -xf - -C $(DKMS_SRC)
	$(if $(DESTDIR),,dkms install -m fido -v $(VERSION) -k $(KVER))

demo: ## two VMs on an emulated Xen host talk through fido
	$(WITH_PROC) $(TOP)/tests/demo.sh

check: ## all tests, in user space and in the lab (SUITE=, GUEST=)
	$(WITH_PROC) $(TOP)/tests/check.sh

check-debug: ## the default cases of the lab on kernels that watch themselves (lockdep, KASAN, ...)
	$(WITH_PROC) $(TOP)/tests/check.sh debug-pv debug-pvh

unit: ## the tests in user space
	$(WITH_PROC) $(MAKE) -C $(TOP)/tests/unit check

proof: ## the models, with spin, and the ring's source with CBMC (minutes)
	$(WITH_PROC) $(MAKE) -C $(TOP)/tests/proof check

lab: ## a shell in the emulated Xen host; CASE=NAME runs one case there
	$(WITH_PROC) $(TOP)/tests/lab/lab $(if $(CASE),run $(CASE),shell)

soak: ## an hour of everything that can happen to three VMs (MINUTES=, SEED=)
	$(WITH_PROC) $(TOP)/tests/soak.sh

bench: ## the benchmarks, against netfront, blkfront and loopback
	$(WITH_PROC) $(TOP)/tests/bench/bench

style: ## W=1, sparse, checkpatch, kernel-doc, shellcheck, the project's rules
	$(WITH_PROC) $(TOP)/tests/style.sh

clean: ## everything that was built
	-$(if $(wildcard $(KDIR)),+$(KMAKE) FIDO_TESTS=y clean)
	$(if $(wildcard $(TOP)/tools/Makefile),$(MAKE) -C $(TOP)/tools clean)
	$(if $(wildcard $(TOP)/tests/unit/Makefile), \
		$(MAKE) -C $(TOP)/tests/unit clean)
	rm -rf $(TOP)/build

help: ## this text
	@echo "Usage: make [TARGET] [VARIABLE=VALUE]..."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' \
		$(TOP)/Makefile
	@echo
	@echo "Variables: KDIR KVER V DESTDIR PREFIX SUITE GUEST KERNEL CASE GCOV MINUTES SEED"
