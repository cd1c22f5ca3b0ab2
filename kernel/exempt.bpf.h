/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef EXEMPT_BPF_H
#define EXEMPT_BPF_H

#include "address.bpf.h"
#include "counters.bpf.h"
#include "kernel.bpf.h"
#include "sluice.h"

/*
 * Connections that a listener lookup must leave alone: ztunnel's own to the application, and the
 * kubelet's probes. Written when the client dials, deleted when the server has ended its side or the
 * client's socket closes, never at ESTABLISHED: with SYN cookies the lookup runs again on the final ACK. The agent sweeps what a lost
 * callback leaves. Full: the connection goes into unexempt.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 65536);
	__type(key, struct tuple);
	__type(value, u64); /* enum role_kind: whose; EXEMPT_MET */
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

/* The pod has seen the connection as the kubelet made it. */
enum {
	EXEMPT_MET = 1 << 8,
};

/* The connection of a client's socket, in the namespace of its server. */
static __always_inline struct tuple client_tuple(struct bpf_sock_ops *ctx, u64 server_netns)
{
	struct tuple conn = {
		.netns = server_netns,
		.sport = bpf_htons(ctx->local_port),
		.dport = ctx->remote_port >> 16,
	};

	conn.src = CTX_ADDR(ctx, local);
	conn.dst = CTX_ADDR(ctx, remote);
	return conn;
}

/* Until the socket closes, of which the callback that is asked for here tells. */
static __always_inline bool exempt_until_close(struct bpf_sock_ops *ctx, const struct tuple *conn,
					       enum role_kind kind)
{
	u64 whose = kind;
	bool fits = !bpf_map_update_elem(&exempt, conn, &whose, BPF_ANY);

	if (!fits) {
		count(COUNT_EXEMPT_FAILED);
		bpf_map_update_elem(&unexempt, conn, &whose, BPF_ANY);
	}
	/* OR: another program may have set flags of its own. */
	bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
	return fits;
}

/*
 * Whether an exempt connection needs its exemption no more: the server has accepted it and ended its side. Once
 * the server's socket is gone the client's own port would open a way in for whoever the client speaks for.
 */
static __always_inline bool is_over(u32 state)
{
	return state == TCP_CLOSE || state == TCP_CLOSE_WAIT;
}

static __always_inline void end_exemption(const struct tuple *conn)
{
	if (bpf_map_delete_elem(&exempt, conn))
		bpf_map_delete_elem(&unexempt, conn);
}

#endif
