/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, __u64);
	__uint(max_entries, 1);
} values SEC(".maps");

/* The verifier refuses it: the lookup's result is not checked. */
SEC("syscall")
int unchecked(void *ctx)
{
	__u32 key = 0;

	return *(__u64 *)bpf_map_lookup_elem(&values, &key);
}

char LICENSE[] SEC("license") = "GPL";
