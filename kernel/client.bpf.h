/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A connection as its client's socket tells it, by the ends that the listener lookup of its server sees. */
#ifndef CLIENT_BPF_H
#define CLIENT_BPF_H

#include "address.bpf.h"
#include "kernel.bpf.h"
#include "sluice.h"

/* The connection of a client's socket, in the namespace of its server. */
static __always_inline struct tuple client_tuple(struct bpf_sock_ops *ctx, u64 server_netns)
{
	struct tuple conn = {
		.netns = server_netns,
		.sport = bpf_htons(ctx->local_port),
		.dport = ctx->remote_port >> 16,
	};

	conn.src = CTX_ADDR(ctx, local);
	conn.dst = CTX_ADDR(ctx, remote);
	return conn;
}

static __always_inline void ask_for_states(struct bpf_sock_ops *ctx)
{
	/* OR: another program may have set flags of its own. */
	bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
}

/*
 * Whether an exempt connection needs its exemption no more: the server has accepted it and ended its side. Once
 * the server's socket is gone the client's own port would open a way in for whoever the client speaks for.
 */
static __always_inline bool is_over(u32 state)
{
	return state == TCP_CLOSE || state == TCP_CLOSE_WAIT;
}

#endif
