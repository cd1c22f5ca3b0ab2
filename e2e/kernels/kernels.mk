# SPDX-License-Identifier: Apache-2.0
# The programs and the pods on kernels that this machine does not run, under emulation.

.PHONY: test-kernels
test-kernels: $(TESTABLE) ## Run the kernel and netns layers on Linux 6.1, 6.12 and the running one (root); ARGS=--all
	@.ci/install-packages e2e/kernels/packages
	@$(NODE) e2e/kernels/main.ts $(ARGS)
