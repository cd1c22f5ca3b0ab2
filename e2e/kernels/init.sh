#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# The first process of the guest. Its root is the host's own, seen through virtiofs and never written: what the guest
# writes goes to memory. The kernel hands "project=" and "modules=" of its command line on as variables.
busybox=/bin/busybox
$busybox mkdir -p /proc /sys /dev /host /memory /root
$busybox mount -t proc proc /proc
$busybox mount -t sysfs sys /sys
$busybox mount -t devtmpfs dev /dev
for module in virtio_pci virtiofs overlay; do $busybox modprobe $module; done
$busybox mount -t virtiofs host /host
$busybox mount -t tmpfs memory /memory
$busybox mkdir /memory/upper /memory/work
$busybox mount -t overlay root -o lowerdir=/host,upperdir=/memory/upper,workdir=/memory/work /root
$busybox mkdir -p "/root/lib/modules/$($busybox uname -r)" /root/.host
$busybox mount --bind "/host$modules" "/root/lib/modules/$($busybox uname -r)"
$busybox mount --move /host /root/.host
exec $busybox switch_root /root /bin/sh "$project/e2e/kernels/guest.sh"
