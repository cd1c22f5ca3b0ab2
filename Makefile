# SPDX-License-Identifier: Apache-2.0
# Every target works from a clean clone: what it needs is installed and built first.

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := build

MACHINE := $(shell uname -m)
ARCH := $(patsubst x86_64,x64,$(patsubst aarch64,arm64,$(MACHINE)))
MULTIARCH := $(MACHINE)-linux-gnu

# The pinned Node.js. A system npm fetches it once; from then on its own npm does the work.
NODE_PREFIX := $(CURDIR)/.tools/node/node_modules
NODE_HOME := $(NODE_PREFIX)/node-linux-$(ARCH)
NODE := $(NODE_HOME)/bin/node
# It brings certificates of its own; the system's count too, as they do for the system npm (a proxy's, say).
NPM := NODE_USE_SYSTEM_CA=1 $(NODE) $(NODE_PREFIX)/npm/bin/npm-cli.js
BIN := $(CURDIR)/node_modules/.bin
SYSTEM_PATH := $(PATH)
export PATH := $(NODE_HOME)/bin:$(BIN):$(PATH)

# A stamp's name carries the content that it stands for, so a changed lockfile is a missing stamp.
content = $(firstword $(shell cat $(1) | sha256sum))
NODE_STAMP := .tools/node/node_modules/.installed-$(call content,.ci/node/package-lock.json)
NPM_STAMP := node_modules/.installed-$(call content,package-lock.json)
PACKAGES_STAMP := .tools/packages-$(call content,.ci/packages)

# Prerequisite of everything that runs a tool; put it behind a | so that a new stamp rebuilds nothing.
SETUP := $(PACKAGES_STAMP) $(NODE_STAMP) $(NPM_STAMP)

LAYERS := unit native kernel netns
PREFIX ?= /usr/local
DESTDIR ?=
# What prints the totals after the tests; .ci/run prints them itself, last.
SUMMARY ?= $(NODE) .ci/summary.ts $(LAYERS)

include kernel/kernel.mk
-include native/native.mk
-include e2e/e2e.mk
include e2e/bench/bench.mk

$(NATIVE_OBJECTS): | $(SETUP)
$(NATIVE_TEST_PROGRAMS) $(E2E_BINARIES): | $(PACKAGES_STAMP)

.PHONY: help setup build kernel bundle lint format test $(LAYERS:%=test-%) demo bench soak install clean

help: ## List the targets
	@grep -hE '^[a-z][a-z-]*:.*## ' $(MAKEFILE_LIST) | sort | \
		awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

setup: $(SETUP) ## Install what is missing: system packages, the pinned Node.js, npm packages

$(PACKAGES_STAMP): .ci/install-packages
	.ci/install-packages .ci/packages
	@mkdir -p $(@D) && rm -f .tools/packages-* && touch $@

$(NODE_STAMP): | $(PACKAGES_STAMP)
	@mkdir -p .tools/node
	cp .ci/node/package.json .ci/node/package-lock.json .ci/node/.npmrc .tools/node/
	cd .tools/node && PATH='$(SYSTEM_PATH)' npm ci --ignore-scripts --no-progress
	$(NODE) --version
	@touch $@

$(NPM_STAMP): | $(NODE_STAMP)
	$(NPM) ci --ignore-scripts --no-progress
	@touch $@

build: $(KERNEL_OBJECTS) build/sluice.node build/contract.ts build/zds_pb.ts build/sluice.mjs build/sluice ## Build the kernel objects, the addon, the generated code and the command

kernel: $(KERNEL_OBJECTS) $(KERNEL_TEST_OBJECTS)

build/contract.ts: observer/contract/generate.ts $(wildcard observer/contract/*.ts) $(KERNEL_OBJECTS) build/sluice.node | $(SETUP)
	$(NODE) $< build/kernel $@

build/zds_pb.ts: observer/ztunnel/zds.proto buf.gen.yaml | $(SETUP)
	buf generate $(<D) --template buf.gen.yaml --output .
	@touch $@

BUNDLED := $(shell find observer native/lib -name '*.ts' -not -path '*/test/*' 2>/dev/null)
bundle: build/sluice.mjs
build/sluice.mjs: .ci/bundle.ts $(BUNDLED) build/contract.ts build/zds_pb.ts | $(SETUP)
	$(NODE) $<

# Made together.
build/client-node.mjs: build/sluice.mjs

build/sluice: .ci/launcher
	@mkdir -p $(@D)
	install -m 755 $< $@

build/THIRD-PARTY-NOTICES: build/sluice.mjs .ci/notices.ts
	$(NODE) .ci/notices.ts build/bundle.json $(NODE_HOME)/LICENSE > $@

GENERATED := build/contract.ts build/zds_pb.ts build/xds_pb.ts
LINTED := observer native e2e kernel deploy .ci vitest.config.ts

lint: $(GENERATED) | $(SETUP) ## Check format, promises and types; changes nothing
	biome check --error-on-warnings
	oxlint --type-aware --deny-warnings $(wildcard $(LINTED))
	tsc --noEmit -p .

format: | $(SETUP) ## Format the sources
	biome check --write

# test-notes puts what the json reporter leaves out where it writes it: why a test was skipped, or tried again.
VITEST = vitest run --reporter=default --reporter=./.ci/test-notes.ts --reporter=json

TESTABLE := build $(KERNEL_TEST_OBJECTS) $(NATIVE_TEST_PROGRAMS) $(E2E_BINARIES)

test: $(TESTABLE) ## Run every layer of tests, in order, and add up the results
	@rm -rf reports && mkdir -p reports; failed=; \
	for layer in $(LAYERS); do \
		echo "== $$layer"; \
		$(VITEST) --project $$layer --outputFile.json=reports/$$layer.json; status=$$?; \
		echo $$status >reports/$$layer.exit; [ $$status = 0 ] || failed=1; \
	done; \
	$(SUMMARY) || failed=1; \
	test -z "$$failed"

test-unit: ## Run the tests that need no privileges
test-native: ## Run the addon's tests (root)
test-kernel: ## Run the tests of the kernel programs (root)
test-netns: ## Run the tests with pods made of network namespaces and cgroups (root)
$(LAYERS:%=test-%): test-%: $(TESTABLE)
	@mkdir -p reports
	$(VITEST) --project $* --outputFile.json=reports/$*.json $(ARGS)

demo: $(TESTABLE) ## Show two pods, a ztunnel stand-in and the agent at work (root)
	@$(NODE) e2e/demo/main.ts

bench: $(TESTABLE) ## Print the figures: traffic, connect, process events, join (root); ARGS=--quick, ARGS=--traffic
	@$(NODE) e2e/bench/main.ts $(ARGS)

include e2e/kernels/kernels.mk

soak: $(TESTABLE) ## Traffic while everything is killed, joins and leaves (root); ARGS='--seconds N --seed N', else 10 minutes
	@$(NODE) e2e/soak/main.ts $(ARGS)

INSTALLED := build/sluice build/sluice.mjs build/sluice.mjs.map build/client-node.mjs build/sluice.node build/THIRD-PARTY-NOTICES LICENSE

install: build build/THIRD-PARTY-NOTICES ## Install below PREFIX (default /usr/local)
	install -d $(DESTDIR)$(PREFIX)/lib/sluice/kernel $(DESTDIR)$(PREFIX)/bin
	install -m 644 $(filter-out build/sluice,$(INSTALLED)) $(DESTDIR)$(PREFIX)/lib/sluice/
	install -m 644 $(KERNEL_OBJECTS) $(DESTDIR)$(PREFIX)/lib/sluice/kernel/
	install -m 755 build/sluice $(NODE) $(DESTDIR)$(PREFIX)/lib/sluice/
	ln -sfn ../lib/sluice/sluice $(DESTDIR)$(PREFIX)/bin/sluice

include deploy/deploy.mk

clean: ## Remove what was built; the installed tools stay
	rm -rf build reports
