/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef LISTENERS_BPF_H
#define LISTENERS_BPF_H

#include "kernel.bpf.h"
#include "sluice.h"

/*
 * ztunnel's listening sockets. ztunnel registers them by listening (sockops below its cgroup only),
 * lookup reads; an element goes when its socket closes. Full: that pod's connections are dropped.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 16384);
	__type(key, struct listener_key);
	__type(value, u64); /* a socket; user space writes a descriptor, reads a cookie */
} listener SEC(".maps");

#endif
