/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Egress. The hook marks a pod's connection; the pod's own routing turns what is marked round to lo,
 * where lookup hands it to ztunnel. No address is rewritten, so there is no state for a connection,
 * and both ends tell the truth about where it goes. Attached at the kubepods cgroup and not the
 * root: of several programs the deeper cgroup's runs first, before a socket load balancer's.
 */
#include "address.bpf.h"
#include "answer.bpf.h"
#include "counters.bpf.h"
#include "kernel.bpf.h"
#include "mark.bpf.h"
#include "pods.bpf.h"
#include "settings.bpf.h"
#include "sluice.h"

/* A mark of ours that an earlier connect left would send this connection to ztunnel. */
static __always_inline int allow_unmarked(struct bpf_sock_addr *ctx, const struct addr *dst,
					  struct pod *pod)
{
	if (carries_mark(ctx->sk) && set_mark(ctx, ctx->sk, 0))
		return refuse(ctx, dst, COUNT_REFUSED_MARK, pod);
	return ALLOW;
}

static __always_inline bool is_tcp(const struct bpf_sock_addr *ctx)
{
	return ctx->protocol == IPPROTO_TCP || ctx->protocol == IPPROTO_MPTCP;
}

/*
 * ztunnel dials the application with the client's address: marked, so that the reply finds its way
 * back over lo. Replaces: mangle PREROUTING connmark, mangle OUTPUT restore of the connmark.
 */
static __always_inline int connect_ztunnel(struct bpf_sock_addr *ctx, u64 netns,
					   const struct addr *dst)
{
	struct pod *pod = bpf_map_lookup_elem(&netns_pod, &netns);

	if (!pod || !is_tcp(ctx) || !addr_is_own(pod, dst))
		return ALLOW;
	if (set_mark(ctx, ctx->sk, steer_mark))
		return refuse(ctx, dst, COUNT_REFUSED_MARK, pod);
	count(COUNT_ZTUNNEL_DIALS);
	return ALLOW;
}

/* Bound to another network's device IPv6 would send what goes to an own address out there. */
static __always_inline int allow_own(struct bpf_sock_addr *ctx, const struct addr *dst, struct pod *pod)
{
	if (!take_off_device(ctx))
		return refuse(ctx, dst, COUNT_REFUSED_DEVICE, pod);
	return allow_unmarked(ctx, dst, pod);
}

/* Bound to a device that is not lo its SYN would leave by it, and may carry data. */
static __always_inline int allow_loopback(struct bpf_sock_addr *ctx, u64 netns, const struct addr *dst)
{
	u32 device = ctx->sk->bound_dev_if;

	if (is_tcp(ctx) && device && device != LOOPBACK_IFINDEX && in_mesh(netns))
		return allow_own(ctx, dst, NULL);
	return allow_unmarked(ctx, dst, NULL);
}

/* An AF_SMC socket copies its own mark and device to the TCP socket that it connects by, after the hook. */
static __always_inline bool speaks_smc(struct bpf_sock *sk)
{
	struct tcp_sock *tcp;

	if (!bpf_core_field_exists(struct tcp_sock, syn_smc))
		return false;
	tcp = bpf_skc_to_tcp_sock(sk);
	return tcp && BPF_CORE_READ_BITFIELD(tcp, syn_smc);
}

static __always_inline int steer(struct bpf_sock_addr *ctx, struct pod *pod, const struct addr *dst,
				 const struct addr *src)
{
	struct bpf_sock *sk = ctx->sk;
	struct pod_stat *stat;

	if (speaks_smc(sk))
		return refuse(ctx, dst, COUNT_REFUSED_MARK, pod);
	if (addr_stays(pod, dst))
		return allow_own(ctx, dst, pod);
	if (addr_is_link_local(dst))
		return refuse(ctx, dst, COUNT_REFUSED_LINK_LOCAL, pod);
	/* IPv4 would answer the same a little later, IPv6 would let the packet out. */
	if (addr_is_loopback(src))
		return refuse_with(EINVAL, ctx, dst, COUNT_REFUSED_LOOPBACK, pod);
	if (!take_off_device(ctx))
		return refuse(ctx, dst, COUNT_REFUSED_DEVICE, pod);
	if (set_mark(ctx, sk, steer_mark))
		return refuse(ctx, dst, COUNT_REFUSED_MARK, pod);
	count(COUNT_STEERED);
	stat = stat_of(pod);
	if (stat)
		__sync_fetch_and_add(&stat->steered, 1);
	return ALLOW;
}

/* Counts what enforcing would do; a socket that ztunnel was to have must not reach it by its former mark. */
static __always_inline int let_pass(struct bpf_sock_addr *ctx, const struct settings *set,
				    struct pod *pod, u32 verdict, const struct addr *dst)
{
	switch (verdict) {
	case VERDICT_STEER:
	case VERDICT_OBSERVE:
		if (is_tcp(ctx) && !addr_is_own(pod, dst))
			count(COUNT_WOULD_STEER);
		break;
	case VERDICT_PASS:
		count(COUNT_PASSED);
		break;
	case VERDICT_NESTED:
		count(set->nested == NESTED_PASS ? COUNT_NESTED_PASSED : COUNT_WOULD_HOLD);
		break;
	default:
		count(COUNT_WOULD_HOLD);
	}
	return allow_unmarked(ctx, dst, pod);
}

/*
 * Replaces: nat OUTPUT "tcp, dst not localhost, mark not 0x539 -> redirect 15001", with its
 * exceptions for the pod's own addresses; refuses what those rules would let out before they exist.
 */
static __always_inline int handle_connect(struct bpf_sock_addr *ctx, struct addr dst, struct addr src)
{
	u64 netns = bpf_get_netns_cookie(ctx);
	struct settings *set = get_settings();
	bool dns = ctx->user_port == bpf_htons(DNS_PORT);
	enum role_kind role;
	struct pod *pod = NULL;
	u32 verdict;

	if (!ctx->sk || !set || netns == host_netns)
		return ALLOW;
	role = caller_role();
	if (role == ROLE_ZTUNNEL)
		return connect_ztunnel(ctx, netns, &dst);
	if (role != ROLE_NONE)
		return ALLOW;
	if (!is_tcp(ctx) && !dns)
		return ALLOW;
	if (addr_is_loopback(&dst) || addr_is_unspecified(&dst))
		return allow_loopback(ctx, netns, &dst);

	verdict = whose(netns, set, &pod);
	if (!enforces() || verdict == VERDICT_OBSERVE)
		return let_pass(ctx, set, pod, verdict, &dst);
	switch (verdict) {
	case VERDICT_UNKNOWN:
		return refuse(ctx, &dst, COUNT_REFUSED_UNKNOWN, pod);
	case VERDICT_HELD:
		return refuse(ctx, &dst, COUNT_REFUSED_HELD, pod);
	case VERDICT_OVERFLOW:
		return refuse(ctx, &dst, COUNT_REFUSED_OVERFLOW, NULL);
	case VERDICT_NESTED:
		if (set->nested == NESTED_REFUSE)
			return refuse(ctx, &dst, COUNT_REFUSED_NESTED, pod);
		count(COUNT_NESTED_PASSED);
		return allow_unmarked(ctx, &dst, pod);
	case VERDICT_STEER:
		if (dns && pod->flags & POD_DNS)
			return allow_unmarked(ctx, &dst, pod) == ALLOW ? ask(ctx, pod, &dst, true) : REFUSE;
		if (is_tcp(ctx))
			return steer(ctx, pod, &dst, &src);
		return ALLOW;
	default:
		count(COUNT_PASSED);
		return allow_unmarked(ctx, &dst, pod);
	}
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx)
{
	struct addr dst = addr_v4(CTX_READ(ctx->user_ip4));
	struct bpf_sock *sk = ctx->sk;
	struct addr src = addr_v4(sk ? sk->src_ip4 : 0);

	return answer4(ctx, handle_connect(ctx, dst, src));
}

SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr *ctx)
{
	struct addr dst = CTX_ADDR_V6(ctx->user_ip6), src = {};
	struct bpf_sock *sk = ctx->sk;

	if (sk)
		src = CTX_ADDR_V6(sk->src_ip6);
	return answer6(ctx, &dst, handle_connect(ctx, dst, src));
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
