/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef COUNTERS_BPF_H
#define COUNTERS_BPF_H

#include "kernel.bpf.h"
#include "sluice.h"

/*
 * What the hooks did and refused, by reason. Every program writes its own CPU's element; the agent
 * and `sluice status` add them up. Nobody deletes; it cannot be full.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTERS);
	__type(key, u32); /* enum counter */
	__type(value, u64);
} counter SEC(".maps");

static __always_inline void count(enum counter which)
{
	u32 key = which;
	u64 *value = bpf_map_lookup_elem(&counter, &key);

	if (value)
		(*value)++;
}

#endif
