/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counts what a hook refuses and tells the agent of it, with the peer. Counters have every refusal;
 * told are the first few a second of whoever is refused, for each reason, so that who is refused in a
 * loop neither fills the ring nor hides another's refusals. The agent tells the difference.
 */
#ifndef REFUSAL_BPF_H
#define REFUSAL_BPF_H

#include "counters.bpf.h"
#include "kernel.bpf.h"
#include "sluice.h"

enum {
	REFUSAL_PERIOD_NS = 1000 * 1000 * 1000,
};

/* struct refusal records; hooks write, the agent reads. Full: told as not told. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} refusals SEC(".maps");

struct refusal_gate {
	u64 pod;	/* its cgroup, where the hook knows it, or the cookie of the network namespace */
	struct addr peer; /* inbound: who dials the pod; all zero: everybody */
	u32 reason;
	u32 pad;
};

struct refusal_told {
	u64 since; /* CLOCK_MONOTONIC ns */
	u64 count;
};

/*
 * How many refusals were told in the period that began at .since: of a pod, for a reason; of what
 * comes from outside also by peer. Only refusals write and read. A cache: what LRU evicts is told
 * once more.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct refusal_gate);
	__type(value, struct refusal_told);
} refusal_gate SEC(".maps");

/* A struct that only the ring buffer uses would be missing from BTF. */
const struct refusal *refusal_layout __attribute__((unused));

static __always_inline bool has_room(struct refusal_gate *key, u64 limit)
{
	struct refusal_told first = { .since = bpf_ktime_get_ns(), .count = 1 };
	struct refusal_told *told = bpf_map_lookup_elem(&refusal_gate, key);

	if (!told) {
		bpf_map_update_elem(&refusal_gate, key, &first, BPF_ANY);
		return true;
	}
	if (first.since - told->since >= REFUSAL_PERIOD_NS) {
		*told = first;
		return true;
	}
	return __sync_fetch_and_add(&told->count, 1) < limit;
}

static __always_inline struct refusal *record_of(enum counter reason)
{
	struct refusal *refusal = bpf_ringbuf_reserve(&refusals, sizeof(*refusal), 0);

	if (!refusal)
		return NULL;
	__builtin_memset(refusal, 0, sizeof(*refusal));
	refusal->time = bpf_ktime_get_ns();
	refusal->reason = reason;
	return refusal;
}

/*
 * Counted; a record to fill in and submit, or NULL when this one is not told.
 * pod: what tells it from others, also where its processes make a namespace for each connection
 */
static __always_inline struct refusal *begin_refusal(enum counter reason, u64 pod)
{
	struct refusal_gate key = { .pod = pod, .reason = reason };

	count(reason);
	return has_room(&key, REFUSALS_TOLD) ? record_of(reason) : NULL;
}

/* The same of a SYN: who dials again and again hides nobody else who dials the same pod. */
static __always_inline struct refusal *begin_drop(enum counter reason, const struct tuple *conn)
{
	struct refusal_gate all = { .pod = conn->netns, .reason = reason };
	struct refusal_gate own = all;

	count(reason);
	own.peer = conn->src;
	return has_room(&own, REFUSALS_TOLD) && has_room(&all, DROPS_TOLD) ? record_of(reason) : NULL;
}

/* Not for softirq, where the task is whoever was interrupted. */
static __always_inline void name_caller(struct refusal *refusal)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	refusal->pid = BPF_CORE_READ(task, tgid);
	BPF_CORE_READ_STR_INTO(&refusal->command, task, comm);
}

#endif
