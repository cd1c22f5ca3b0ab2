/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The mark that a pod's own routing turns towards ztunnel. A mark never grants an exemption. */
#ifndef MARK_BPF_H
#define MARK_BPF_H

#include "kernel.bpf.h"

const volatile u32 steer_mark = 0x51c;
const volatile u32 steer_mask = 0xfff;

static __always_inline bool carries_mark(const struct bpf_sock *sk)
{
	return (sk->mark & steer_mask) == steer_mark;
}

/* 0, or a negative errno; the bits outside the mask stay the application's. */
static __always_inline int set_mark(struct bpf_sock_addr *ctx, struct bpf_sock *sk, u32 bits)
{
	u32 mark = (sk->mark & ~steer_mask) | bits;

	return bpf_setsockopt(ctx, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
}

#endif
