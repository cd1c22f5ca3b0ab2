/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A steered socket keeps its mark and gets no device: while its SYN is unanswered either would send
 * the retransmitted SYN out in the clear. Istio's rules need no such guard: they match packets.
 */
#include "counters.bpf.h"
#include "kernel.bpf.h"
#include "mark.bpf.h"
#include "pods.bpf.h"
#include "settings.bpf.h"
#include "sluice.h"

/* Return values of a cgroup/setsockopt program; a refusal is EPERM. */
enum {
	REFUSE = 0,
	ALLOW = 1,
};

static __always_inline bool reroutes(const struct bpf_sockopt *ctx)
{
	return ctx->level == SOL_SOCKET &&
	       (ctx->optname == SO_MARK || ctx->optname == SO_BINDTODEVICE ||
		ctx->optname == SO_BINDTOIFINDEX);
}

/*
 * The mark of an MPTCP connection is on its subflow, which the hook does not see: what is not closed
 * counts as steered where connections are.
 */
static __always_inline bool steered(struct bpf_sockopt *ctx, struct bpf_sock *sk)
{
	u64 netns;
	struct pod *pod;

	if (carries_mark(sk))
		return true;
	if (sk->protocol != IPPROTO_MPTCP || sk->state == TCP_CLOSE)
		return false;
	netns = bpf_get_netns_cookie(ctx);
	pod = bpf_map_lookup_elem(&netns_pod, &netns);
	return pod && pod->verdict == VERDICT_STEER;
}

SEC("cgroup/setsockopt")
int setsockopt(struct bpf_sockopt *ctx)
{
	struct bpf_sock *sk = ctx->sk;

	if (!reroutes(ctx) || !sk || !steered(ctx, sk) || caller_role() != ROLE_NONE)
		return ALLOW;
	count(COUNT_REFUSED_SETSOCKOPT);
	return REFUSE;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
