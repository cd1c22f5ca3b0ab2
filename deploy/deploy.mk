# SPDX-License-Identifier: Apache-2.0
# The container image and the plain manifests. Included by the top-level Makefile.

VERSION := $(shell sed -n 's/^  "version": "\(.*\)",$$/\1/p' package.json)
IMAGE := build/image/sluice-$(VERSION)-$(patsubst x64,amd64,$(ARCH)).tar
ROOTFS := build/image/rootfs
ROOTFS_STAMP := build/image/.rootfs

.PHONY: image rootfs

image: $(IMAGE) ## Pack the container image as an OCI archive below build/image

# What the Dockerfile copies.
rootfs: $(ROOTFS_STAMP)

IMAGE_SCRIPTS := deploy/image/rootfs.sh deploy/image/sluice deploy/image/sbom.ts .ci/bundled.ts

$(ROOTFS_STAMP): $(INSTALLED) $(KERNEL_OBJECTS) $(IMAGE_SCRIPTS)
	rm -rf $(ROOTFS)
	umask 022 && $(MAKE) --no-print-directory install DESTDIR=$(CURDIR)/$(ROOTFS) PREFIX=/usr/local
	deploy/image/rootfs.sh $(ROOTFS)
	$(NODE) deploy/image/sbom.ts build/bundle.json $(ROOTFS) >$(ROOTFS)/usr/share/doc/sluice.spdx.json
	@touch $@

$(IMAGE): $(ROOTFS_STAMP) deploy/image/pack.ts
	$(NODE) deploy/image/pack.ts $(ROOTFS) $@

.PHONY: manifests

manifests: deploy/helm/sluice/values.schema.json setup-cluster ## Generate the plain manifests from the chart
	$(NODE) deploy/manifests/generate.ts >build/manifests.yaml
	mv build/manifests.yaml deploy/manifests/sluice.yaml

deploy/helm/sluice/values.schema.json: deploy/helm/values-schema.ts $(wildcard observer/config/*.ts) | $(SETUP)
	$(NODE) $< >$@
