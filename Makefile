# SPDX-License-Identifier: GPL-2.0-only
#
# Targets for people; Kbuild holds what the kernel's build system reads, klips/scripts/ what takes more than a line.
#
# all, modules, tools and install run where they are called, as on a gateway of Debian 13 with a backports kernel.
# demo, test, guest and check run on any Debian machine: they go through a Debian 13 root of their own.

BUILD  ?= .build
PREFIX ?= /usr/local
MODDIR ?= /lib/modules

# The text of a command for the guest is passed on as it was typed, dollar signs and all.
override CMD := $(value CMD)
export CMD LOAD PARAMS SMP MEM MOUNT TIMEOUT KERNEL NOBUILD KVER V
MAKEOVERRIDES :=

scripts := klips/scripts
enter   := $(scripts)/enter --
quiet   := $(if $(V),,@)

export CARGO_TARGET_DIR = $(abspath $(BUILD))/target

.PHONY: all modules tools install uninstall demo test test-debug debug-kernel test-scale test-matrix test-hostile soak fuzz \
	guest bench bench-quick bench-core check fmt inventory clippy doc clean help
.DEFAULT_GOAL := all

## all: the module and the tools, for the kernel of this machine
all: modules tools

## modules: klips.ko alone, in BUILD (.build); KVER=version chooses another installed kernel
modules:
	$(quiet)+$(scripts)/build-module $(BUILD)

## tools: the ipsec program with its manual pages and completions alone, in BUILD
tools:
	$(quiet)$(scripts)/build-tools $(BUILD)

## install: what was built, into the system (PREFIX=/usr/local, DESTDIR=)
install:
	$(quiet)$(scripts)/install $(BUILD) '$(DESTDIR)' $(PREFIX) $(MODDIR)

## uninstall: takes away what install put there
uninstall:
	$(quiet)$(scripts)/uninstall '$(DESTDIR)' $(PREFIX) $(MODDIR)

## demo: real traffic through ESP between four hosts, in a guest; says passed or failed
demo:
	$(quiet)tests/guest/demo

## test: the host tests, then the tests in a guest
test:
	$(quiet)tests/run

## test-debug: some of the tests in a guest, or TESTS='name...', on a kernel that tells on the module
test-debug:
	$(quiet)tests/debug

## debug-kernel: builds that kernel, KERNEL=debug, into the cache, as its first use does otherwise
debug-kernel:
	$(quiet)$(enter) tests/guest/debug-kernel debug

## test-scale: 1,000,000 eroutes and 100,000 SAs, and a flood of 1,000,000 host pairs into a trap; takes its time
test-scale:
	$(quiet)tests/scale

## test-matrix: every algorithm in every bundle, mode and family, with and without UDP, against XFRM; prints the table
test-matrix:
	$(quiet)tests/matrix

## test-hostile: 1,000,000 random changes of valid packets through the receive path; prints what became of them
test-hostile:
	$(quiet)tests/hostile

## soak: 1,000 tunnels renewed for ten minutes, churn of tables, namespaces and the module, floods; beside traffic
soak:
	$(quiet)tests/soak

## fuzz: the fuzzer's targets for TIME=30 seconds each (TARGET='name...'); prints executions and coverage
fuzz:
	$(quiet)TIME='$(TIME)' TARGET='$(TARGET)' tests/fuzz/run

## guest: boots a Debian kernel with the module and runs CMD='...', or a shell (KERNEL LOAD SMP MEM MOUNT TIMEOUT PARAMS)
guest:
	$(quiet)tests/guest/guest

## bench: what packets cost beside XFRM and WireGuard, into Documentation/performance (RUNS METHODS PROFILE TOP NOBUILD)
bench:
	$(quiet)tests/bench/run complete

## bench-quick: the same of AES-GCM-128 alone, on the terminal alone, in a minute
bench-quick:
	$(quiet)tests/bench/run quick

## bench-core: times the core's tables beside other crates' (criterion); prints memory per entry, and how lookups slow down
bench-core:
	$(quiet)$(enter) env GLIBC_TUNABLES=glibc.malloc.hugetlb=1 cargo bench --locked --manifest-path tests/bench-core/Cargo.toml

## check: formatting, lints, documentation and the audits of the source
check:
	$(quiet)tests/check/run

## fmt: formats the Rust source
fmt:
	$(quiet)$(enter) tests/check/rustfmt --fix

## inventory: writes Documentation/unsafe.md anew from the source
inventory:
	$(quiet)$(enter) tests/check/unsafe-inventory --fix

## clippy: the lints alone
clippy:
	$(quiet)tests/check/run module-clippy cargo-clippy

## doc: the API documentation of core and tools, in BUILD/target/doc
doc:
	$(quiet)cargo doc --quiet --locked --no-deps --document-private-items --manifest-path userspace/Cargo.toml

## clean: removes BUILD; the cache, which is outside of the checkout, stays
clean:
	$(quiet)rm -rf $(BUILD)

## help: this list
help:
	@sed -n 's/^## \([a-z-]*\): /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 13
