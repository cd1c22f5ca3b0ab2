/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The two maps that say whose traffic a socket carries, and what a pod's own addresses are. */
#ifndef PODS_BPF_H
#define PODS_BPF_H

#include "address.bpf.h"
#include "kernel.bpf.h"
#include "settings.bpf.h"
#include "sluice.h"

/* Cookie of the node's own network namespace: its sockets are never steered and never held. */
const volatile u64 host_netns = 0;

/*
 * Every pod of the node, by its pod-level cgroup, which all containers, execs and debug containers
 * inherit. observe writes UNKNOWN at mkdir and deletes at rmdir; the agent writes the rest. Full: the
 * pod is held through overflow, and the agent says so.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u64); /* cgroup id */
	__type(value, struct pod);
} cgroup_pod SEC(".maps");

/*
 * The same pods, by network namespace: the authority once the namespace is known. The agent writes
 * and deletes. Full: enrolment fails and the pod stays held.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u64); /* netns cookie */
	__type(value, struct pod);
} netns_pod SEC(".maps");

/*
 * Pods that did not fit into cgroup_pod since the agent last had all of them in it; not 0: a pod
 * without an entry is held. observe raises it, the agent clears it.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} overflow SEC(".maps");

/*
 * Addresses of enrolled pods besides struct pod's own two (secondary networks, SLAAC, fe80::). The
 * agent follows netlink and writes. Full: enrolment fails and the pod stays held.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 16384);
	__type(key, struct own_addr_key);
	__type(value, u8);
} own_addr SEC(".maps");

/* The agent makes an element when it prepares a namespace and deletes it; hooks add up. Full: not counted. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, u64); /* netns cookie */
	__type(value, struct pod_stat);
} pod_stat SEC(".maps");

/* Answers of whose() that no map holds. */
enum {
	VERDICT_NESTED = 64,	/* a namespace that a pod of the mesh made itself */
	VERDICT_OVERFLOW,	/* a pod without an entry because the map was full */
};

static __always_inline bool addr_is_own(const struct pod *pod, const struct addr *a)
{
	if (addr_equal(a, &pod->ip[0]) || addr_equal(a, &pod->ip[1]))
		return true;
	if (!(pod->flags & POD_MORE_ADDRS))
		return false;

	struct own_addr_key key = { .netns = pod->netns, .addr = *a };

	return bpf_map_lookup_elem(&own_addr, &key) != NULL;
}

/* What goes there does not leave. Of a link-local address the scope, which no hook is told, chooses the device. */
static __always_inline bool addr_stays(const struct pod *pod, const struct addr *a)
{
	return !addr_is_link_local(a) && addr_is_own(pod, a);
}

/* The pod whose cgroup is an ancestor of the caller's. */
static __always_inline struct pod *caller_pod(const struct settings *set)
{
	for (u32 i = 0; i < POD_LEVELS; i++) {
		u32 level = set->pod_level_min + i;

		if (level > set->pod_level_max || !set->pod_level_max)
			return NULL;

		u64 id = bpf_get_current_ancestor_cgroup_id(level);
		struct pod *pod = id ? bpf_map_lookup_elem(&cgroup_pod, &id) : NULL;

		if (pod)
			return pod;
	}
	return NULL;
}

static __always_inline u64 *get_overflow(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&overflow, &zero);
}

static __always_inline u32 judged(const struct pod *pod, const struct settings *set)
{
	if (pod->verdict == VERDICT_UNKNOWN && !unknown_holds(set))
		return VERDICT_PASS;
	return pod->verdict;
}

/*
 * The verdict on a socket of the given network namespace, and its pod. The namespace decides: a
 * socket may have been passed in by another pod. The caller's cgroup serves while nobody knows the
 * pod's namespace yet. One hash lookup on the usual path.
 */
static __always_inline u32 whose(u64 netns, const struct settings *set, struct pod **pod)
{
	struct pod *caller = caller_pod(set);
	u64 *unfitted;

	*pod = caller;
	if (caller && caller->netns == netns)
		return judged(caller, set);

	struct pod *owner = bpf_map_lookup_elem(&netns_pod, &netns);

	if (owner) {
		*pod = owner;
		return judged(owner, set);
	}
	if (!caller) {
		unfitted = get_overflow();
		return unfitted && *unfitted ? VERDICT_OVERFLOW : VERDICT_PASS;
	}
	if (caller->netns && caller->verdict >= VERDICT_HELD)
		return VERDICT_NESTED;
	return judged(caller, set);
}

/* Whether a socket of that namespace belongs to a pod of the mesh, or may. */
static __always_inline bool in_mesh(u64 netns)
{
	struct settings *set = get_settings();
	struct pod *pod;
	u32 verdict;

	if (!set || netns == host_netns || !enforces())
		return false;
	verdict = whose(netns, set, &pod);
	return verdict != VERDICT_PASS && verdict != VERDICT_OBSERVE;
}

static __always_inline struct pod_stat *stat_of(const struct pod *pod)
{
	u64 netns = pod->netns;

	return bpf_map_lookup_elem(&pod_stat, &netns);
}

#endif
