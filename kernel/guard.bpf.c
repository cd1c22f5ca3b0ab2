/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Socket options that would take a connection round the pod's routing after its connect. Istio's
 * rules need no such guard: they match packets.
 */
#include "address.bpf.h"
#include "counters.bpf.h"
#include "kernel.bpf.h"
#include "mark.bpf.h"
#include "pods.bpf.h"
#include "refusal.bpf.h"
#include "settings.bpf.h"
#include "sluice.h"

/* Return values of a cgroup/setsockopt program; a refusal is EPERM. */
enum {
	REFUSE = 0,
	ALLOW = 1,
};

/* optlen of an option that the kernel need not set any more. */
enum {
	DONE = -1,
};

/* While its SYN is unanswered either would send the next one out in the clear. */
static __always_inline bool sets_mark(const struct bpf_sockopt *ctx)
{
	return ctx->level == SOL_SOCKET && ctx->optname == SO_MARK;
}

static __always_inline bool sets_device(const struct bpf_sockopt *ctx)
{
	return ctx->level == SOL_SOCKET &&
	       (ctx->optname == SO_BINDTODEVICE || ctx->optname == SO_BINDTOIFINDEX);
}

/*
 * A route in the packet (IPv4 source route, IPv6 routing header): a connection to an own address, which is
 * left alone, would travel by way of any machine that the socket names. Needs no capability.
 */
static __always_inline bool sets_route(const struct bpf_sockopt *ctx)
{
	if (ctx->optlen <= 0)
		return false;
	return (ctx->level == IPPROTO_IP && ctx->optname == IP_OPTIONS) ||
	       (ctx->level == IPPROTO_IPV6 &&
		(ctx->optname == IPV6_RTHDR || ctx->optname == IPV6_2292PKTOPTIONS));
}

static __always_inline bool is_connection(const struct bpf_sock *sk)
{
	return sk->state != TCP_CLOSE && sk->state != TCP_LISTEN;
}

/*
 * What carries our mark keeps it and gets no device. The mark of an MPTCP connection is on its subflow, which
 * the hook does not see; and a connection to an own address has none, but with a device that has not that
 * address IPv6 would send it out there.
 */
static __always_inline bool reroutes(const struct bpf_sockopt *ctx, const struct bpf_sock *sk, u64 netns)
{
	bool mptcp = sk->protocol == IPPROTO_MPTCP;

	if (!mptcp && sk->protocol != IPPROTO_TCP)
		return false;
	if (sets_route(ctx))
		return in_mesh(netns);
	if (!sets_mark(ctx) && !sets_device(ctx))
		return false;
	if (carries_mark(sk))
		return true;
	return is_connection(sk) && (mptcp || sets_device(ctx)) && in_mesh(netns);
}

/*
 * Done here, while the socket is locked: the kernel would do it after the lock was given up, and another thread may
 * have connected by then what we have found unconnected. MPTCP gives no device to what connects.
 */
static __always_inline int bind_to_device(struct bpf_sockopt *ctx, struct bpf_sock *sk)
{
	bool named = ctx->optname == SO_BINDTODEVICE;
	u8 *value = ctx->optval, *end = ctx->optval_end;
	char device[IFNAMSIZ] = {};
	long error;

	/* The kernel refuses it. Behind what is shorter than the buffer there are zeros. */
	if (!named && ctx->optlen < (int)sizeof(u32))
		return ALLOW;
#pragma clang loop unroll(full)
	for (u32 i = 0; i < IFNAMSIZ - 1; i++) {
		if (value + i + 1 > end)
			break;
		device[i] = value[i];
	}
	error = named ? bpf_setsockopt(sk, SOL_SOCKET, SO_BINDTODEVICE, device, sizeof(device)) :
			bpf_setsockopt(sk, SOL_SOCKET, SO_BINDTOIFINDEX, device, sizeof(u32));
	if (error) {
		bpf_set_retval(error);
		return REFUSE;
	}
	ctx->optlen = DONE;
	return ALLOW;
}

static __always_inline void tell(struct bpf_sock *sk, u64 netns)
{
	struct refusal *refusal = begin_refusal(COUNT_REFUSED_SETSOCKOPT, netns);

	if (!refusal)
		return;
	refusal->netns = netns;
	if (sk->dst_port) {
		refusal->peer = CTX_ADDR(sk, dst);
		refusal->peer_port = bpf_ntohs(sk->dst_port);
	}
	name_caller(refusal);
	bpf_ringbuf_submit(refusal, 0);
}

SEC("cgroup/setsockopt")
int setsockopt(struct bpf_sockopt *ctx)
{
	struct bpf_sock *sk = ctx->sk;
	u64 netns;

	if (!sk || !(sets_mark(ctx) || sets_device(ctx) || sets_route(ctx)))
		return ALLOW;
	netns = bpf_get_netns_cookie(ctx);
	if (caller_role() != ROLE_NONE)
		return ALLOW;
	if (reroutes(ctx, sk, netns)) {
		tell(sk, netns);
		return REFUSE;
	}
	if (sets_device(ctx) && sk->protocol == IPPROTO_TCP && in_mesh(netns))
		return bind_to_device(ctx, sk);
	return ALLOW;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
