/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Calls unknown_holds() of settings.bpf.h for user space. */
#include "kernel.bpf.h"
#include "settings.bpf.h"
#include "sluice.h"

struct heartbeat_case {
	u32 strict;
	u32 holds;
};

SEC("syscall")
int judge(struct heartbeat_case *ctx)
{
	struct settings set = { .strict = ctx->strict };

	ctx->holds = unknown_holds(&set);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
