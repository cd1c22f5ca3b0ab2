# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# kernel/x.bpf.c -> build/kernel/x.bpf.o, kernel/test/x.bpf.c -> build/kernel-test/x.bpf.o

CLANG ?= clang
LLVM_STRIP ?= llvm-strip

KERNEL_OBJECTS := $(patsubst kernel/%.c,build/kernel/%.o,$(wildcard kernel/*.bpf.c))
# The same programs in an older instruction set: another build of them, for tests of an upgrade.
OTHER_BUILD_OBJECTS := $(patsubst kernel/%.c,build/kernel-test/other/%.o,$(wildcard kernel/*.bpf.c))
KERNEL_TEST_OBJECTS := $(patsubst kernel/test/%.c,build/kernel-test/%.o,$(wildcard kernel/test/*.bpf.c)) \
	$(OTHER_BUILD_OBJECTS)

# BPF_PROG declares a ctx that most programs leave unused. -mcpu=v3 is the newest instruction set that every supported kernel and clang 14 know.
# Line numbers name the file: the same object wherever the tree is. asm/ headers live in the multiarch folder, which -target bpf does not search.
BPF_FLAGS := -g -O2 -Wall -Wextra -Wno-unused-parameter -Werror -target bpf -mcpu=v3 -Ikernel -I/usr/include/$(MULTIARCH) \
	-ffile-prefix-map=$(CURDIR)=. -D__TARGET_ARCH_$(if $(filter x86_64,$(MACHINE)),x86,arm64)

define compile_bpf
@mkdir -p $(@D)
$(CLANG) $(BPF_FLAGS) -MMD -MP -MT $@ -MF $(@:.o=.d) -c $< -o $@
$(LLVM_STRIP) -g $@
endef

build/kernel/%.bpf.o: kernel/%.bpf.c kernel/kernel.mk | $(PACKAGES_STAMP)
	$(compile_bpf)

build/kernel-test/%.bpf.o: kernel/test/%.bpf.c kernel/kernel.mk | $(PACKAGES_STAMP)
	$(compile_bpf)

$(OTHER_BUILD_OBJECTS): BPF_FLAGS += -mcpu=v2
build/kernel-test/other/%.bpf.o: kernel/%.bpf.c kernel/kernel.mk | $(PACKAGES_STAMP)
	$(compile_bpf)

-include $(KERNEL_OBJECTS:.o=.d) $(KERNEL_TEST_OBJECTS:.o=.d)
