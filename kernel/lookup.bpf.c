/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which listener a SYN reaches in a pod's network namespace. Runs for the listener lookup only:
 * established connections cost nothing. One instance for each pod: the program type cannot ask for
 * its namespace, so the cookie is a frozen constant; the maps are shared.
 */
#include "address.bpf.h"
#include "counters.bpf.h"
#include "exempt.bpf.h"
#include "exempt_probe.bpf.h"
#include "kernel.bpf.h"
#include "listeners.bpf.h"
#include "pods.bpf.h"
#include "probe.bpf.h"
#include "refusal.bpf.h"
#include "sluice.h"

/* Apart from other constants: a spare instance is told it after it was verified. */
SEC(".rodata.netns") const volatile u64 lookup_netns = 0;

/* Here and below __noinline: copies for each caller would triple the program, which is verified for each pod. */
static __noinline void tell(enum counter reason, const struct tuple *conn)
{
	struct refusal *refusal = begin_drop(reason, conn);

	if (!refusal)
		return;
	refusal->netns = conn->netns;
	refusal->peer = conn->src;
	refusal->peer_port = bpf_ntohs(conn->sport);
	refusal->dialled = conn->dst;
	refusal->dialled_port = bpf_ntohs(conn->dport);
	bpf_ringbuf_submit(refusal, 0);
}

static __always_inline int drop(enum counter reason, const struct tuple *conn)
{
	tell(reason, conn);
	return SK_DROP;
}

static __always_inline bool is_ztunnel_port(u32 port)
{
	return port == ZTUNNEL_OUTBOUND || port == ZTUNNEL_INBOUND;
}

static __noinline int hand_to(struct bpf_sk_lookup *ctx, const struct tuple *conn, u16 port)
{
	u16 first = latest_slot(lookup_netns, port, SLOT_ZTUNNEL);

	for (u16 i = 0; i < SLOTS; i++) {
		u16 slot = i < SLOT_PARKED ? i ^ first : i;
		struct listener_key key = { .netns = lookup_netns, .port = port, .slot = slot };
		struct bpf_sock *sk = bpf_map_lookup_elem(&listener, &key);
		long failed;

		if (!sk)
			continue;
		/* Without the flag a process of the pod that joins the port gets its share. */
		failed = bpf_sk_assign(ctx, sk, BPF_SK_LOOKUP_F_NO_REUSEPORT);
		bpf_sk_release(sk);
		if (failed) {
			count(COUNT_DROPPED_ASSIGN);
			continue;
		}
		/* It leaves the SYN unanswered: the client tries again, and finds ztunnel back. */
		if (slot == SLOT_PARKED) {
			tell(COUNT_DROPPED_NO_LISTENER, conn);
			return SK_PASS;
		}
		count(port == ZTUNNEL_OUTBOUND ? COUNT_INBOUND_OUTBOUND : COUNT_INBOUND_INBOUND);
		return SK_PASS;
	}
	return drop(COUNT_DROPPED_NO_LISTENER, conn);
}

static __always_inline bool passes(const struct pod *pod)
{
	return pod->verdict == VERDICT_PASS || pod->verdict == VERDICT_OBSERVE || !enforces();
}

/*
 * Replaces: nat PREROUTING "tcp, dst not localhost, dport not 15008, mark not 0x539 -> redirect
 * 15006", and the second half of the redirect to 15001.
 */
SEC("sk_lookup")
int lookup(struct bpf_sk_lookup *ctx)
{
	u64 netns = lookup_netns;
	struct pod *pod = bpf_map_lookup_elem(&netns_pod, &netns);
	struct tuple conn = {
		.netns = lookup_netns,
		.sport = ctx->remote_port,
		.dport = bpf_htons(ctx->local_port),
	};
	bool own, local, passing, looped = ctx->ingress_ifindex == LOOPBACK_IFINDEX;
	u32 port = ctx->local_port;
	u64 *whose;

	if (ctx->protocol != IPPROTO_TCP)
		return SK_PASS;
	conn.src = CTX_ADDR(ctx, remote);
	conn.dst = CTX_ADDR(ctx, local);
	if (!pod)
		return drop(COUNT_DROPPED_NO_POD, &conn);
	own = addr_is_own(pod, &conn.dst);
	local = addr_is_loopback(&conn.dst);

	/* Whoever dials ztunnel's ports directly would be handed the pod's identity. */
	if ((own || local) && is_ztunnel_port(port))
		return drop(COUNT_DROPPED_GUARD, &conn);
	if (own && port == ZTUNNEL_DNS)
		return drop(COUNT_DROPPED_GUARD, &conn);
	/*
	 * Our mark brings a foreign destination over lo: it was dialled just before the pod began to leave, or before
	 * the pause. Left to the stack it would reach the application's own listener.
	 */
	passing = passes(pod);
	if (passing && (own || local || !looped))
		return SK_PASS;
	if (local || (own && addr_is_own(pod, &conn.src)))
		return SK_PASS;
	if (!passing && pod->verdict != VERDICT_STEER)
		return drop(COUNT_DROPPED_NOT_READY, &conn);
	if (own && port == ZTUNNEL_HBONE)
		return hand_to(ctx, &conn, ZTUNNEL_HBONE);
	whose = bpf_map_lookup_elem(&exempt, &conn);
	if (!whose && own)
		whose = bpf_map_lookup_elem(&exempt_probe, &conn);
	if (whose) {
		/* Not own, see above, but a wildcard listener of ztunnel's would have it: round again. */
		if (is_ztunnel_port(port))
			return drop(COUNT_DROPPED_LOOP, &conn);
		if (*whose == ROLE_KUBELET)
			*whose |= EXEMPT_MET;
		count(COUNT_INBOUND_EXEMPT);
		return SK_PASS;
	}
	if (bpf_map_lookup_elem(&unexempt, &conn))
		return drop(COUNT_DROPPED_LOOP, &conn);
	if (own && pod->flags & POD_BYPASS_INBOUND) {
		count(COUNT_INBOUND_BYPASSED);
		return SK_PASS;
	}
	if (own && is_probe(lookup_netns, port, &conn.src)) {
		count(COUNT_INBOUND_PROBE);
		return SK_PASS;
	}
	if (own)
		return hand_to(ctx, &conn, ZTUNNEL_INBOUND);
	return looped ? hand_to(ctx, &conn, ZTUNNEL_OUTBOUND) : drop(COUNT_DROPPED_FOREIGN, &conn);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
