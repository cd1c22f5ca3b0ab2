/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef EXEMPT_PROBE_BPF_H
#define EXEMPT_PROBE_BPF_H

#include "kernel.bpf.h"
#include "sluice.h"

/*
 * The kubelet's connections to pods, apart from ztunnel's: whoever holds connections through ztunnel would
 * otherwise fail the probes of every pod. Written when the kubelet dials, deleted as exempt is, and swept by the
 * agent. Full: the probe goes to ztunnel, as a connection of any process of the node.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct tuple);
	__type(value, u64); /* ROLE_KUBELET; EXEMPT_MET */
} exempt_probe SEC(".maps");

/* The pod has seen the connection as the kubelet made it. */
enum {
	EXEMPT_MET = 1 << 8,
};

#endif
