/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kubelet's own connections to pods of this node: its probes pass ztunnel by, under any policy,
 * with the kubelet's address and without translation. Attached to the kubelet's cgroup alone, so no
 * other process of the node is exempt.
 */
#include "address.bpf.h"
#include "client.bpf.h"
#include "counters.bpf.h"
#include "exempt_probe.bpf.h"
#include "kernel.bpf.h"
#include "pods.bpf.h"
#include "settings.bpf.h"
#include "sluice.h"

/*
 * Addresses of enrolled pods. The agent writes at enrolment and deletes on leaving; a sk_lookup
 * instance asks by namespace, and the kubelet's socket knows only where it goes. Full: enrolment fails.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct addr);
	__type(value, u64); /* netns cookie */
} addr_netns SEC(".maps");

/*
 * How the kubelet's connections arrive, by network namespace. Made and written here, deleted by the
 * agent with the namespace. Full: not counted.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, u64); /* netns cookie */
	__type(value, struct probe_stat);
} probe_stat SEC(".maps");

/* One that does not fit takes its way through ztunnel, whose policy may refuse it. */
static __always_inline void exempt_kubelet(struct bpf_sock_ops *ctx, const struct tuple *conn)
{
	u64 whose = ROLE_KUBELET;

	if (bpf_map_update_elem(&exempt_probe, conn, &whose, BPF_ANY)) {
		count(COUNT_EXEMPT_PROBE_FAILED);
		return;
	}
	ask_for_states(ctx);
	count(COUNT_PROBES);
}

/*
 * The pod's lookup has run for the SYN by now. Where it did not meet the exemption, it met another
 * tuple: somebody translates the kubelet's address on the way.
 */
static __always_inline void note_arrival(const struct tuple *conn)
{
	u64 netns = conn->netns;
	struct pod *pod = bpf_map_lookup_elem(&netns_pod, &netns);
	u64 *whose = bpf_map_lookup_elem(&exempt_probe, conn);
	struct probe_stat none = {}, *stat;

	if (!pod || !whose || pod->verdict != VERDICT_STEER || !enforces())
		return;
	bpf_map_update_elem(&probe_stat, &netns, &none, BPF_NOEXIST);
	stat = bpf_map_lookup_elem(&probe_stat, &netns);
	if (!stat)
		return;
	if (*whose & EXEMPT_MET) {
		__sync_fetch_and_add(&stat->met, 1);
		return;
	}
	__sync_fetch_and_add(&stat->translated, 1);
	count(COUNT_PROBES_TRANSLATED);
}

/* Replaces: nat PREROUTING "src = probe SNAT address -> accept", and the SNAT itself on the node. */
SEC("sockops")
int kubelet_tcp(struct bpf_sock_ops *ctx)
{
	struct tuple conn;
	u64 *netns;

	if (ctx->op != BPF_SOCK_OPS_TCP_CONNECT_CB && ctx->op != BPF_SOCK_OPS_STATE_CB &&
	    ctx->op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB)
		return 1;
	conn = client_tuple(ctx, 0);
	netns = bpf_map_lookup_elem(&addr_netns, &conn.dst);
	if (!netns)
		return 1;
	conn.netns = *netns;
	switch (ctx->op) {
	case BPF_SOCK_OPS_TCP_CONNECT_CB:
		exempt_kubelet(ctx, &conn);
		break;
	case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
		note_arrival(&conn);
		break;
	case BPF_SOCK_OPS_STATE_CB:
		if (is_over(ctx->args[1]))
			bpf_map_delete_elem(&exempt_probe, &conn);
		break;
	}
	return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
