/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef EXEMPT_BPF_H
#define EXEMPT_BPF_H

#include "counters.bpf.h"
#include "kernel.bpf.h"
#include "sluice.h"

/*
 * ztunnel's own connections to the application, which a listener lookup must leave alone. Written when ztunnel
 * dials, deleted when the server has ended its side or ztunnel's socket closes, never at ESTABLISHED: with SYN
 * cookies the lookup runs again on the final ACK. The agent deletes what needs it no more, because both ends
 * have their sockets, and sweeps what a lost callback leaves. Full: the connection goes into unexempt.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct tuple);
	__type(value, u64); /* enum role_kind: whose */
} exempt SEC(".maps");

/*
 * Connections that did not fit into exempt: lookup drops them, else ztunnel would be handed its own
 * connection to the application, again and again. Written and deleted as exempt is; a connection that
 * LRU evicts has long been refused.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct tuple);
	__type(value, u64); /* enum role_kind: whose */
} unexempt SEC(".maps");

static __always_inline void exempt_ztunnel(const struct tuple *conn)
{
	u64 whose = ROLE_ZTUNNEL;

	if (!bpf_map_update_elem(&exempt, conn, &whose, BPF_ANY))
		return;
	count(COUNT_EXEMPT_FAILED);
	bpf_map_update_elem(&unexempt, conn, &whose, BPF_ANY);
}

static __always_inline void end_exemption(const struct tuple *conn)
{
	if (bpf_map_delete_elem(&exempt, conn))
		bpf_map_delete_elem(&unexempt, conn);
}

#endif
