/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ztunnel's own sockets, seen from its cgroup and nowhere else: its listeners register themselves,
 * and its connections to the application exempt themselves from the listener lookup.
 */
#include "address.bpf.h"
#include "client.bpf.h"
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

static __always_inline bool take_slot(struct bpf_sock_ops *ctx, struct listener_key *key, u16 slot,
				      u64 flags)
{
	key->slot = slot;
	return bpf_sock_hash_update(ctx, &listener, key, flags) == 0;
}

/*
 * The latest two ztunnels stay registered, and the latest gets every new connection: what an older
 * one has not accepted when it closes its listeners is lost. A ztunnel that closed has left its
 * slot free.
 */
static __always_inline void register_listener(struct bpf_sock_ops *ctx, u64 netns)
{
	struct listener_key key = { .netns = netns, .port = ctx->local_port };
	u16 former = latest_slot(netns, key.port, SLOT_UPGRADE);
	u32 slot = former ^ 1;

	if (key.port != ZTUNNEL_OUTBOUND && key.port != ZTUNNEL_INBOUND &&
	    key.port != ZTUNNEL_HBONE)
		return;
	if (!bpf_map_lookup_elem(&netns_pod, &netns))
		return;
	if (key.port == ZTUNNEL_OUTBOUND && mark_replies(ctx)) {
		count(COUNT_LISTENER_FAILED);
		return;
	}
	if (!take_slot(ctx, &key, slot, BPF_NOEXIST)) {
		if (take_slot(ctx, &key, former, BPF_NOEXIST)) {
			slot = former;
		} else if (!take_slot(ctx, &key, slot, BPF_ANY)) {
			count(COUNT_LISTENER_FAILED);
			return;
		}
	}
	key.slot = 0;
	bpf_map_update_elem(&latest, &key, &slot, BPF_ANY);
	count(COUNT_LISTENERS);
}

/*
 * A local route that belongs to no address (AnyIP), a rule or an address that the agent has not heard of yet
 * turns ztunnel's own connection to elsewhere round to lo. The route was looked up just before this callback.
 */
static __always_inline bool comes_back(struct bpf_sock_ops *ctx)
{
	struct bpf_sock *known = ctx->sk;
	struct sock *sk = known ? (struct sock *)bpf_skc_to_tcp_sock(known) : NULL;

	return sk && BPF_CORE_READ(sk, sk_dst_cache, dev, ifindex) == LOOPBACK_IFINDEX;
}

/* ztunnel's connection to the application of that namespace, not one to elsewhere. */
static __always_inline bool to_application(struct bpf_sock_ops *ctx, u64 netns, struct tuple *conn)
{
	struct pod *pod = bpf_map_lookup_elem(&netns_pod, &netns);

	*conn = client_tuple(ctx, netns);
	return pod && (addr_is_own(pod, &conn->dst) || comes_back(ctx));
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

/* A listener that was there before these hooks was not given our mark; what it accepts is. */
static __always_inline void mark_egress(struct bpf_sock_ops *ctx, u64 netns)
{
	struct pod *pod = bpf_map_lookup_elem(&netns_pod, &netns);
	struct addr local = CTX_ADDR(ctx, local);

	if (!pod || addr_is_own(pod, &local) || addr_is_loopback(&local))
		return;
	if (mark_replies(ctx))
		count(COUNT_ACCEPT_UNMARKED);
}

/*
 * What ztunnel accepts has the port that was dialled: inbound the application's own, outbound one that the
 * application may listen on too. It could do neither (again) while such a connection lives, which ztunnel's own
 * listeners do not allow for: by Istio's rules their connections have ztunnel's ports.
 */
static __always_inline void share_port(struct bpf_sock_ops *ctx)
{
	int one = 1;

	if (ctx->local_port == ZTUNNEL_HBONE)
		return;
	if (bpf_setsockopt(ctx, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)))
		count(COUNT_ACCEPT_UNSHARED);
}

/* Replaces: "mark 0x539 -> accept" in nat PREROUTING and nat OUTPUT. */
SEC("sockops")
int ztunnel_tcp(struct bpf_sock_ops *ctx)
{
	u64 netns = bpf_get_netns_cookie(ctx);
	struct tuple conn;

	switch (ctx->op) {
	case BPF_SOCK_OPS_TCP_LISTEN_CB:
		register_listener(ctx, netns);
		break;
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
		if (to_application(ctx, netns, &conn)) {
			exempt_ztunnel(&conn);
			ask_for_states(ctx);
		}
		break;
	case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
		share_port(ctx);
		mark_egress(ctx, netns);
		count_accepted(ctx, netns);
		break;
	case BPF_SOCK_OPS_STATE_CB:
		/* Whatever the maps say of the pod by now: it may have left, or be gone. */
		if (is_over(ctx->args[1])) {
			conn = client_tuple(ctx, netns);
			end_exemption(&conn);
		}
		break;
	}
	return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
