/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ztunnel's own sockets, seen from its cgroup and nowhere else: its listeners register themselves,
 * and its connections to the application exempt themselves from the listener lookup.
 */
#include "address.bpf.h"
#include "counters.bpf.h"
#include "exempt.bpf.h"
#include "kernel.bpf.h"
#include "listeners.bpf.h"
#include "mark.bpf.h"
#include "pods.bpf.h"
#include "sluice.h"

/*
 * ztunnel gives its listeners a mark of its own, and so to what they accept. The application's kernel
 * answers without a socket (TIME_WAIT, resets) under the mark that it is sent, by fwmark_reflect: with
 * ours the answer comes round to ztunnel, with any other it would leave the pod for the real server.
 */
static __always_inline long mark_replies(struct bpf_sock_ops *ctx)
{
	u32 mark = steer_mark;

	return bpf_setsockopt(ctx, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
}

static __always_inline void register_listener(struct bpf_sock_ops *ctx, u64 netns)
{
	struct listener_key key = { .netns = netns, .port = ctx->local_port, .slot = SLOT_ZTUNNEL };

	if (key.port != ZTUNNEL_OUTBOUND && key.port != ZTUNNEL_INBOUND)
		return;
	if (!bpf_map_lookup_elem(&netns_pod, &netns))
		return;
	if (key.port == ZTUNNEL_OUTBOUND && mark_replies(ctx)) {
		count(COUNT_LISTENER_FAILED);
		return;
	}
	if (!bpf_sock_hash_update(ctx, &listener, &key, BPF_NOEXIST)) {
		count(COUNT_LISTENERS);
		return;
	}
	key.slot = SLOT_UPGRADE;
	count(bpf_sock_hash_update(ctx, &listener, &key, BPF_ANY) ? COUNT_LISTENER_FAILED :
								    COUNT_LISTENERS);
}

static __always_inline bool connection_of(struct bpf_sock_ops *ctx, u64 netns, struct tuple *conn)
{
	struct pod *pod = bpf_map_lookup_elem(&netns_pod, &netns);

	conn->netns = netns;
	conn->src = CTX_ADDR(ctx, local);
	conn->dst = CTX_ADDR(ctx, remote);
	conn->sport = bpf_htons(ctx->local_port);
	conn->dport = ctx->remote_port >> 16;
	return pod && addr_is_own(pod, &conn->dst);
}

static __always_inline void exempt_connection(struct bpf_sock_ops *ctx, u64 netns)
{
	struct tuple conn = {};
	u64 now = bpf_ktime_get_ns();

	if (!connection_of(ctx, netns, &conn))
		return;
	if (bpf_map_update_elem(&exempt, &conn, &now, BPF_ANY)) {
		count(COUNT_EXEMPT_FAILED);
		return;
	}
	/* OR: another program may have set flags of its own. */
	bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
}

static __always_inline void end_connection(struct bpf_sock_ops *ctx, u64 netns)
{
	struct tuple conn = {};

	if (ctx->args[1] == TCP_CLOSE && connection_of(ctx, netns, &conn))
		bpf_map_delete_elem(&exempt, &conn);
}

/* Counted here: the lookup runs for a late segment of an ended connection too. */
static __always_inline void count_accepted(struct bpf_sock_ops *ctx, u64 netns)
{
	struct pod *pod = bpf_map_lookup_elem(&netns_pod, &netns);
	struct addr local = CTX_ADDR(ctx, local);
	struct pod_stat *stat;

	if (!pod || ctx->local_port == ZTUNNEL_HBONE || !addr_is_own(pod, &local))
		return;
	stat = stat_of(pod);
	if (stat)
		__sync_fetch_and_add(&stat->accepted, 1);
}

/* Replaces: "mark 0x539 -> accept" in nat PREROUTING and nat OUTPUT. */
SEC("sockops")
int ztunnel_tcp(struct bpf_sock_ops *ctx)
{
	u64 netns = bpf_get_netns_cookie(ctx);

	switch (ctx->op) {
	case BPF_SOCK_OPS_TCP_LISTEN_CB:
		register_listener(ctx, netns);
		break;
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
		exempt_connection(ctx, netns);
		break;
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		count_accepted(ctx, netns);
		break;
	case BPF_SOCK_OPS_STATE_CB:
		end_connection(ctx, netns);
		break;
	}
	return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
