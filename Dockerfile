# SPDX-License-Identifier: Apache-2.0
# docker buildx build --platform linux/amd64,linux/arm64 -t sluice .

FROM debian:12-slim AS build
RUN apt-get update -q && apt-get install -q -y --no-install-recommends make
WORKDIR /src
COPY . .
RUN make setup
RUN make install DESTDIR=/out PREFIX=/usr/local

# The addon links libbpf, libelf and zlib; the licences of all three stay in /usr/share/doc/*/copyright.
FROM debian:12-slim
RUN apt-get update -q \
    && apt-get install -q -y --no-install-recommends libbpf1 libelf1 zlib1g \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/ /
ENTRYPOINT ["/usr/local/bin/sluice"]
CMD ["agent"]
