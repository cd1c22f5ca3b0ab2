/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The map of resized.bpf.c with its members the other way round. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct wide {
	__u64 refused;
	__u64 calls;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u64);
	__type(value, struct wide);
	__uint(max_entries, 64);
} calls SEC(".maps");

char LICENSE[] SEC("license") = "GPL";
