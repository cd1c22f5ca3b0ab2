/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef EXEMPT_BPF_H
#define EXEMPT_BPF_H

#include "kernel.bpf.h"
#include "sluice.h"

/*
 * Connections that a listener lookup must leave alone: ztunnel's own to the application. Written when
 * the client dials, deleted when the client's socket closes, never at ESTABLISHED: with SYN cookies
 * the lookup runs again on the final ACK. The agent sweeps what a lost callback leaves. Full: the
 * connection is dropped, see lookup.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct tuple);
	__type(value, u64); /* CLOCK_MONOTONIC ns */
} exempt SEC(".maps");

#endif
