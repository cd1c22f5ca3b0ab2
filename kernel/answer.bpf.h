/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What connect and sendmsg answer: allow, refuse and say why, or send the question to ztunnel's resolver. */
#ifndef ANSWER_BPF_H
#define ANSWER_BPF_H

#include "address.bpf.h"
#include "counters.bpf.h"
#include "dns.bpf.h"
#include "kernel.bpf.h"
#include "pods.bpf.h"
#include "refusal.bpf.h"
#include "sluice.h"

/* Return values of a cgroup/connect or sendmsg program; ASK is for answer4 and answer6 alone. */
enum {
	REFUSE = 0,
	ALLOW = 1,
	ASK = 2,	/* a question for ztunnel's resolver: rewrite the destination, then allow */
};

/* Not inlined: each hook would hold a dozen copies. */
static __noinline int refuse_with(int error, struct bpf_sock_addr *ctx, const struct addr *dst,
				  enum counter reason, struct pod *pod)
{
	struct pod_stat *stat = pod ? stat_of(pod) : NULL;
	u64 netns = bpf_get_netns_cookie(ctx);
	struct refusal *refusal = begin_refusal(reason, pod ? pod->cgroup : netns);

	if (refusal) {
		refusal->netns = netns;
		refusal->cgroup = pod ? pod->cgroup : 0;
		refusal->peer = *dst;
		refusal->peer_port = bpf_ntohs(CTX_READ(ctx->user_port));
		name_caller(refusal);
		bpf_ringbuf_submit(refusal, 0);
	}
	if (stat)
		__sync_fetch_and_add(&stat->refused, 1);
	bpf_set_retval(-error);
	return REFUSE;
}

/* Applications retry ECONNREFUSED; the plain EPERM of a hook they do not. */
static __always_inline int refuse(struct bpf_sock_addr *ctx, const struct addr *dst,
				  enum counter reason, struct pod *pod)
{
	return refuse_with(ECONNREFUSED, ctx, dst, reason, pod);
}

/* With a device and no route through it Linux assumes that the destination is on the link. */
static __always_inline bool take_off_device(struct bpf_sock_addr *ctx)
{
	char none = 0;

	if (!ctx->sk->bound_dev_if)
		return true;
	if (bpf_setsockopt(ctx, SOL_SOCKET, SO_BINDTODEVICE, &none, sizeof(none)))
		return false;
	count(COUNT_DEVICE_UNBOUND);
	return true;
}

/*
 * Replaces: nat OUTPUT "udp dport 53, out-iface not lo, mark not 0x539 -> redirect 15053" and the
 * same for TCP.
 */
static __always_inline int ask(struct bpf_sock_addr *ctx, struct pod *pod, const struct addr *server,
			       bool connects)
{
	u32 device = ctx->sk->bound_dev_if;
	bool stays = addr_stays(pod, server);

	if (stays && device == LOOPBACK_IFINDEX)
		return ALLOW;
	/* A datagram's device was chosen before the hook: this one would go out there, the next does not. */
	if (!take_off_device(ctx) || (device && !connects))
		return refuse(ctx, server, COUNT_REFUSED_DEVICE, pod);
	if (stays)
		return ALLOW;
	if (!remember_server(ctx->sk, server, connects))
		return refuse(ctx, server, COUNT_REFUSED_DNS, pod);
	count(COUNT_DNS);
	return ASK;
}

static __always_inline int answer4(struct bpf_sock_addr *ctx, int answer)
{
	if (answer != ASK)
		return answer;
	redirect_dns4(ctx);
	return ALLOW;
}

static __always_inline int answer6(struct bpf_sock_addr *ctx, const struct addr *dst, int answer)
{
	if (answer != ASK)
		return answer;
	redirect_dns6(ctx, dst);
	return ALLOW;
}

#endif
