/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How many system calls a process makes, for the figures of the agent at rest. */
#include "../kernel.bpf.h"

const volatile u32 caller_tgid;

/* By number. Written here, read by the bench. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 512);
	__type(key, u32);
	__type(value, u64);
} calls SEC(".maps");

SEC("raw_tp/sys_enter")
int count_call(struct bpf_raw_tracepoint_args *ctx)
{
	u32 number = ctx->args[1];
	u64 *count;

	if (bpf_get_current_pid_tgid() >> 32 != caller_tgid)
		return 0;
	count = bpf_map_lookup_elem(&calls, &number);
	if (count)
		__sync_fetch_and_add(count, 1);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
