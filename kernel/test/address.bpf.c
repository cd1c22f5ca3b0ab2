/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Calls the functions of address.bpf.h for user space. */
#include "address.bpf.h"
#include "kernel.bpf.h"
#include "sluice.h"

struct address_case {
	struct addr a, b;
	u32 v4;
	u32 unspecified;
	u32 loopback;
	u32 link_local;
	u32 equal;
};

SEC("syscall")
int classify(struct address_case *ctx)
{
	struct addr a = ctx->a, b = ctx->b;

	ctx->v4 = addr_is_v4(&a);
	ctx->unspecified = addr_is_unspecified(&a);
	ctx->loopback = addr_is_loopback(&a);
	ctx->link_local = addr_is_link_local(&a);
	ctx->equal = addr_equal(&a, &b);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
