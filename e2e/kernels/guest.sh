#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The guest as a machine: what a distribution would have mounted, the way out for the reports, then the tests.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root CI=true
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts pts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs run /run
mount -t cgroup2 cgroup /sys/fs/cgroup
mount -t bpf bpf /sys/fs/bpf
mount -t tracefs tracing /sys/kernel/tracing
ip link set lo up
# For threat/smc, which loads nothing by itself.
modprobe smc
mount --bind "/.host$reports" "$reports"
cd "$project" || exit
# The launcher takes a node beside it. Emulated, code that writes code is slow: an agent starts twice as fast without.
printf '#!/bin/sh\nexec "%s" --jitless "$@"\n' "$node" >build/node
chmod +x build/node
echo "guest: Linux $(uname -r)"
"$node" e2e/kernels/inside.ts "$reports"
busybox=/.host$busybox
sync
exec "$busybox" poweroff -f
