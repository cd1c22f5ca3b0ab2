# SPDX-License-Identifier: Apache-2.0
# docker buildx build --platform linux/amd64,linux/arm64 -t REGISTRY/sluice:VERSION --push .
# The root file system is the one that `make image` packs: same script, same content.

FROM debian:12-slim AS build
ARG TARGETARCH
# Each platform is built on itself: another one's binaries would fail no earlier than on the node.
RUN built=$(dpkg --print-architecture); \
    test "${TARGETARCH:-$built}" = "$built" || \
    { echo "this base image is for $built: it cannot make the image for $TARGETARCH" >&2; exit 1; }
RUN apt-get update -q && apt-get install -q -y --no-install-recommends make
WORKDIR /src
COPY . .
RUN make setup
RUN make rootfs

FROM scratch
COPY --from=build /src/build/image/rootfs/ /
LABEL org.opencontainers.image.title="sluice" \
      org.opencontainers.image.description="An eBPF node agent for Istio ambient: steers pods' sockets to ztunnel without iptables" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0 AND (GPL-2.0-only OR BSD-2-Clause)"
USER 0:0
ENV PATH=/usr/local/bin
ENTRYPOINT ["/usr/local/bin/sluice"]
CMD ["agent"]
