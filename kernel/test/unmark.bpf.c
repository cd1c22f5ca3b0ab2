/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a pod with CAP_BPF and CAP_NET_ADMIN may attach to its own cgroup: takes the mark off its connections. */
#include "kernel.bpf.h"

enum {
	ALLOW = 1,
};

#define UNMARK(ctx)                                                                                \
	({                                                                                         \
		u32 none_ = 0;                                                                     \
		bpf_setsockopt(ctx, SOL_SOCKET, SO_MARK, &none_, sizeof(none_));                   \
	})

SEC("cgroup/connect4")
int before4(struct bpf_sock_addr *ctx)
{
	UNMARK(ctx);
	return ALLOW;
}

SEC("cgroup/connect6")
int before6(struct bpf_sock_addr *ctx)
{
	UNMARK(ctx);
	return ALLOW;
}

/* After every connect hook and the choice of a route, which is made again because of this. */
SEC("sockops")
int after(struct bpf_sock_ops *ctx)
{
	if (ctx->op == BPF_SOCK_OPS_TCP_CONNECT_CB)
		UNMARK(ctx);
	return ALLOW;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
