# SPDX-License-Identifier: Apache-2.0

E2E_BINARIES += build/e2e/load

build/e2e/load: e2e/bench/load.c e2e/bench/sink.c e2e/bench/load.h e2e/world/dial/line.c e2e/world/dial/address.c e2e/bench/bench.mk | $(PACKAGES_STAMP)
	@mkdir -p $(@D)
	gcc $(E2E_CFLAGS) $(filter %.c,$^) -o $@.tmp
	mv $@.tmp $@
