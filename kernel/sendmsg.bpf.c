/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Datagrams of unconnected sockets, of which only questions to a resolver matter. */
#include "address.bpf.h"
#include "answer.bpf.h"
#include "kernel.bpf.h"
#include "pods.bpf.h"
#include "settings.bpf.h"
#include "sluice.h"

/* A held pod asks no resolver either: the answer would be one from outside the mesh. */
static __always_inline int handle_sendmsg(struct bpf_sock_addr *ctx, struct addr dst)
{
	struct settings *set = get_settings();
	u64 netns = bpf_get_netns_cookie(ctx);
	struct pod *pod = NULL;
	u32 verdict;

	if (ctx->user_port != bpf_htons(DNS_PORT) || !set || netns == host_netns ||
	    caller_role() != ROLE_NONE || addr_is_loopback(&dst) || addr_is_unspecified(&dst))
		return ALLOW;
	if (!enforces())
		return ALLOW;
	verdict = whose(netns, set, &pod);
	if (verdict == VERDICT_UNKNOWN)
		return refuse(ctx, &dst, COUNT_REFUSED_UNKNOWN, pod);
	if (verdict == VERDICT_HELD)
		return refuse(ctx, &dst, COUNT_REFUSED_HELD, pod);
	if (verdict == VERDICT_OVERFLOW)
		return refuse(ctx, &dst, COUNT_REFUSED_OVERFLOW, NULL);
	if (verdict == VERDICT_NESTED && set->nested == NESTED_REFUSE)
		return refuse(ctx, &dst, COUNT_REFUSED_NESTED, pod);
	if (verdict == VERDICT_STEER && pod->flags & POD_DNS && ctx->sk)
		return ask(ctx, pod, &dst, false);
	return ALLOW;
}

SEC("cgroup/sendmsg4")
int sendmsg4(struct bpf_sock_addr *ctx)
{
	return answer4(ctx, handle_sendmsg(ctx, addr_v4(CTX_READ(ctx->user_ip4))));
}

SEC("cgroup/sendmsg6")
int sendmsg6(struct bpf_sock_addr *ctx)
{
	struct addr dst = CTX_ADDR_V6(ctx->user_ip6);

	return answer6(ctx, &dst, handle_sendmsg(ctx, dst));
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
