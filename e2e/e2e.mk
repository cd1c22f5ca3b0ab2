# SPDX-License-Identifier: Apache-2.0
# The outside world of the end-to-end tests: build/e2e/dial (the application in a pod), build/e2e/ztunnel (the
# stand-in) and build/e2e/zds-driver (an agent's end of ZDS, to test a ztunnel with). Static, so that a process in a
# pod starts at once. Works alone as `make -f e2e/e2e.mk e2e`.

E2E_CFLAGS := -std=gnu11 -O2 -g1 -static -Wall -Wextra -Wformat-security -Werror \
	-Wno-format-truncation -Ie2e/world/dial
E2E_BINARIES := build/e2e/dial build/e2e/ztunnel build/e2e/zds-driver build/e2e/until build/e2e/programs build/e2e/spawn

DIAL_SOURCES := $(wildcard e2e/world/dial/*.c)
STAND_IN_SOURCES := $(wildcard e2e/ztunnel/*.c) $(addprefix e2e/world/dial/,line.c address.c question.c)

.PHONY: e2e
e2e: $(E2E_BINARIES) ## Build the tools of the end-to-end tests

build/e2e/dial: $(DIAL_SOURCES) $(wildcard e2e/world/dial/*.h) e2e/e2e.mk | $(PACKAGES_STAMP)
	@mkdir -p $(@D)
	gcc $(E2E_CFLAGS) $(DIAL_SOURCES) -o $@.tmp
	mv $@.tmp $@

build/e2e/ztunnel: $(STAND_IN_SOURCES) $(wildcard e2e/ztunnel/*.h e2e/world/dial/*.h) e2e/e2e.mk | $(PACKAGES_STAMP)
	@mkdir -p $(@D)
	gcc $(E2E_CFLAGS) $(STAND_IN_SOURCES) -o $@.tmp
	mv $@.tmp $@

build/e2e/zds-driver: e2e/ztunnel/driver/zds-driver.c e2e/world/dial/line.c e2e/world/dial/address.c e2e/e2e.mk | $(PACKAGES_STAMP)
	@mkdir -p $(@D)
	gcc $(E2E_CFLAGS) $(filter %.c,$^) -o $@.tmp
	mv $@.tmp $@

build/e2e/until build/e2e/programs build/e2e/spawn: build/e2e/%: e2e/bench/%.c e2e/world/dial/line.c e2e/world/dial/address.c e2e/e2e.mk
	@mkdir -p $(@D)
	gcc $(E2E_CFLAGS) $(filter %.c,$^) -o $@.tmp
	mv $@.tmp $@
