# SPDX-License-Identifier: Apache-2.0
# The addon (build/sluice.node) and the BPF objects of its tests. Included by the top-level Makefile; works alone as
# `make -f native/native.mk`. Dependencies: g++, libbpf-dev, `npm ci`; clang and llvm-strip for the tests.

NODE_ARCH ?= $(subst x86_64,x64,$(subst aarch64,arm64,$(shell uname -m)))
NODE_DIR ?= .tools/node/node_modules/node-linux-$(NODE_ARCH)

NATIVE_SOURCES := $(wildcard native/src/*.cc)
NATIVE_OBJECTS := $(NATIVE_SOURCES:native/src/%.cc=build/native/%.o)
NATIVE_CXXFLAGS := -std=c++20 -O2 -g1 -fPIC -fvisibility=hidden -Wall -Wextra -Werror -Wno-cast-function-type \
  -Wno-missing-field-initializers -DNAPI_VERSION=9 -DNAPI_CPP_EXCEPTIONS \
  -DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS \
  -isystem node_modules/node-api-headers/include -isystem node_modules/node-addon-api \
  -idirafter $(NODE_DIR)/include/node

NATIVE_TEST_PROGRAMS := \
  $(patsubst native/test/bpf/%.bpf.c,build/native-test/%.bpf.o,$(wildcard native/test/bpf/*.bpf.c)) \
  $(patsubst native/test/%.c,build/native-test/%,$(wildcard native/test/*.c))

.PHONY: native native-test-programs
native: build/sluice.node
native-test-programs: $(NATIVE_TEST_PROGRAMS)

build/sluice.node: $(NATIVE_OBJECTS)
	$(CXX) -shared -Wl,-z,text -static-libstdc++ -static-libgcc $^ -lbpf -o $@.tmp
	strip --strip-unneeded $@.tmp
	mv $@.tmp $@

build/native/%.o: native/src/%.cc native/native.mk
	@mkdir -p $(@D)
	$(CXX) $(NATIVE_CXXFLAGS) -MMD -MP -c $< -o $@

build/native-test/%.bpf.o: native/test/bpf/%.bpf.c native/native.mk
	@mkdir -p $(@D)
	clang -g -O2 -target bpf -mcpu=v3 -Wall -Werror -I/usr/include/$(shell gcc -print-multiarch) -MMD -MP -c $< -o $@
	llvm-strip -g $@

build/native-test/%: native/test/%.c native/native.mk
	@mkdir -p $(@D)
	$(CC) -O1 -Wall -Wextra $< -lbpf -o $@

-include $(wildcard build/native/*.d build/native-test/*.d)
