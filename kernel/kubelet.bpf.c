/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kubelet's own connections to pods of this node: its probes pass ztunnel by, under any policy,
 * with the kubelet's address and without translation. Attached to the kubelet's cgroup alone, so no
 * other process of the node is exempt.
 */
#include "address.bpf.h"
#include "counters.bpf.h"
#include "exempt.bpf.h"
#include "kernel.bpf.h"
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

/* Replaces: nat PREROUTING "src = probe SNAT address -> accept", and the SNAT itself on the node. */
SEC("sockops")
int kubelet_tcp(struct bpf_sock_ops *ctx)
{
	struct tuple conn;
	u64 *netns;

	if (ctx->op != BPF_SOCK_OPS_TCP_CONNECT_CB && ctx->op != BPF_SOCK_OPS_STATE_CB)
		return 1;
	conn = client_tuple(ctx, 0);
	netns = bpf_map_lookup_elem(&addr_netns, &conn.dst);
	if (!netns)
		return 1;
	conn.netns = *netns;
	if (ctx->op == BPF_SOCK_OPS_TCP_CONNECT_CB) {
		if (exempt_until_close(ctx, &conn, ROLE_KUBELET))
			count(COUNT_PROBES);
	} else if (ctx->args[1] == TCP_CLOSE) {
		end_exemption(&conn);
	}
	return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
