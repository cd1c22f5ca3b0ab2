# SPDX-License-Identifier: Apache-2.0
# The outside world of the end-to-end tests: build/e2e/dial (the application in a pod), build/e2e/ztunnel (the
# stand-in), build/e2e/zds-driver (an agent's end of ZDS, to test a ztunnel with) and build/e2e/zds-fuzz (changed packets
# for the stand-in's decoder). Static, so that a process in a pod starts at once. Works alone as `make -f e2e/e2e.mk e2e`.

E2E_CFLAGS := -std=gnu11 -O2 -g1 -static -Wall -Wextra -Wformat-security -Werror \
	-Wno-format-truncation -Ie2e/world/dial
E2E_BINARIES := build/e2e/dial build/e2e/ztunnel build/e2e/zds-driver build/e2e/zds-fuzz build/e2e/until build/e2e/programs build/e2e/spawn build/e2e/loaded

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

build/e2e/zds-fuzz: e2e/ztunnel/driver/zds-fuzz.c e2e/ztunnel/zds.c e2e/ztunnel/zds.h e2e/world/dial/line.c e2e/world/dial/address.c e2e/e2e.mk | $(PACKAGES_STAMP)
	@mkdir -p $(@D)
	gcc $(E2E_CFLAGS) -Ie2e/ztunnel $(filter %.c,$^) -o $@.tmp
	mv $@.tmp $@

build/e2e/until build/e2e/programs build/e2e/spawn: build/e2e/%: e2e/bench/%.c e2e/world/dial/line.c e2e/world/dial/address.c e2e/e2e.mk
	@mkdir -p $(@D)
	gcc $(E2E_CFLAGS) $(filter %.c,$^) -o $@.tmp
	mv $@.tmp $@

build/e2e/loaded: e2e/world/loaded.c e2e/e2e.mk
	@mkdir -p $(@D)
	gcc $(E2E_CFLAGS) $(filter %.c,$^) -o $@.tmp
	mv $@.tmp $@

# A real Kubernetes node (e2e/cluster). Its programs are built once from the Go module e2e/cluster/tools, into a
# directory of .tools/cluster that carries the module's content in its name.
CLUSTER_PACKAGES_STAMP := .tools/cluster/packages-$(call content,.ci/packages-cluster)

CLUSTER_TESTABLE := build/xds_pb.ts build image $(E2E_BINARIES)

.PHONY: setup-cluster cluster-up cluster-down test-cluster bench-cluster

$(CLUSTER_PACKAGES_STAMP): .ci/install-packages
	.ci/install-packages .ci/packages-cluster
	@mkdir -p $(@D) && rm -f $(@D)/packages-* && touch $@

setup-cluster: $(SETUP) $(CLUSTER_PACKAGES_STAMP) ## Install etcd and containerd; build Kubernetes and Helm from Go modules
	$(NODE) e2e/cluster/tools/build.ts

cluster-up: setup-cluster $(E2E_BINARIES) ## Start a Kubernetes node on this machine that stays (root)
	@$(NODE) e2e/cluster/up.ts

cluster-down: | $(SETUP) ## Remove that node and everything of it (root)
	@$(NODE) e2e/cluster/down.ts

build/xds_pb.ts: e2e/cluster/xds/xds.proto buf.gen.yaml | $(SETUP)
	buf generate $(<D) --template buf.gen.yaml --output .
	@touch $@

test-cluster: setup-cluster $(CLUSTER_TESTABLE) ## Run the tests on a Kubernetes node; KUBECONFIG: on another cluster (root)
	@mkdir -p reports
	$(VITEST) --project cluster --outputFile.json=reports/cluster.json $(ARGS); status=$$?; \
		echo $$status >reports/cluster.exit; exit $$status

bench-cluster: setup-cluster $(CLUSTER_TESTABLE) ## Print the figures of a Kubernetes node (root)
	vitest run --project cluster-figures --disable-console-intercept=true $(ARGS)
