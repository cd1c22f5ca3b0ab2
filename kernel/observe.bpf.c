/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Process observation. The hooks run for every fork and exec of the node, so they answer everything
 * that they can answer here: user space hears of a pod cgroup once, and of a pod's network namespace
 * once, however many processes the pod starts.
 */
#include "counters.bpf.h"
#include "kernel.bpf.h"
#include "names.bpf.h"
#include "pods.bpf.h"
#include "settings.bpf.h"
#include "sluice.h"

/* Whether the agent looks for kubepods roots; 0: the operator has named them. */
const volatile u32 looks_for_roots = 1;

/* Cgroups whose children are pods. The agent writes what it finds, handle_mkdir adds QoS classes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u64); /* cgroup id */
	__type(value, struct cgroup_root);
} cgroup_root SEC(".maps");

/*
 * Which namespaces of which pods user space has been told of. Written here; the agent deletes an
 * element when the process was gone before it could open the namespace. A cache: what LRU evicts is
 * told once more.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct sighting);
	__type(value, u64); /* CLOCK_MONOTONIC ns */
} seen_netns SEC(".maps");

/* struct event records. Full: the event is counted as lost, and the agent scans. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

/* A struct that only the ring buffer uses would be missing from BTF. */
const struct event *event_layout __attribute__((unused));
const struct pod_record *pod_record_layout __attribute__((unused));

/*
 * Written and read by the agent alone, so that names survive it; here because the pinned maps have
 * one owner object each. Full: `sluice status` without an agent shows the pod without its name.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 4096);
	__type(key, u64); /* pod-level cgroup id */
	__type(value, struct pod_record);
} pod_record SEC(".maps");

static __always_inline struct event *reserve(enum event_kind kind, u64 cgroup, u32 level)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		count(COUNT_EVENTS_LOST);
		return NULL;
	}
	__builtin_memset(event, 0, sizeof(*event));
	event->time = bpf_ktime_get_ns();
	event->kind = kind;
	event->cgroup = cgroup;
	event->level = level;
	return event;
}

static __always_inline void submit(struct event *event)
{
	count(COUNT_EVENTS);
	bpf_ringbuf_submit(event, 0);
}

static __always_inline void report_cgroup(enum event_kind kind, u64 id, u32 level, const char *name)
{
	struct event *event = reserve(kind, id, level);

	if (!event)
		return;
	__builtin_memcpy(event->name, name, sizeof(event->name));
	submit(event);
}

/* Nobody has judged the pod: hold it, unless no agent lives that ever would. */
static __always_inline void hold(u64 id)
{
	struct settings *set = get_settings();
	u64 *unfitted = get_overflow();

	if (!set || !unfitted || !unknown_holds(set))
		return;

	struct pod pod = {
		.version = LAYOUT_VERSION,
		.verdict = VERDICT_UNKNOWN,
		.cgroup = id,
		.since = bpf_ktime_get_ns(),
	};

	int error = bpf_map_update_elem(&cgroup_pod, &id, &pod, BPF_NOEXIST); /* before 6.4 no long */

	/* There already: while an agent renews its programs the former one runs too. */
	if (error && error != -EEXIST) {
		count(COUNT_MAP_FULL);
		__sync_fetch_and_add(unfitted, 1);
	}
}

static __always_inline u64 cgroup_id(struct cgroup *cgroup)
{
	return BPF_CORE_READ(cgroup, kn, id);
}

static __always_inline struct cgroup *parent_of(struct cgroup *cgroup)
{
	/* self is the first member, so that a css is its cgroup. */
	return (struct cgroup *)BPF_CORE_READ(cgroup, self.parent);
}

/* Before the first process can enter: by way of user space the pod's first connection would go out in the clear. */
SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(handle_mkdir, struct cgroup *cgroup, const char *path)
{
	struct cgroup *parent = parent_of(cgroup);
	u64 id = cgroup_id(cgroup), parent_id = cgroup_id(parent);
	char name[CGROUP_NAME] = {};
	struct cgroup_root *root = bpf_map_lookup_elem(&cgroup_root, &parent_id);

	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(cgroup, kn, name));
	if (!root) {
		if (looks_for_roots && find(name, "kubepods", 8) >= 0 && !names_pod(name))
			report_cgroup(EVENT_ROOT_ADDED, id, cgroup->level, name);
		return 0;
	}
	if (names_pod(name)) {
		hold(id);
		report_cgroup(EVENT_POD_ADDED, id, cgroup->level, name);
		return 0;
	}

	struct cgroup_root qos = { .pod_level = cgroup->level + 1 };

	if (bpf_map_update_elem(&cgroup_root, &id, &qos, BPF_ANY))
		count(COUNT_MAP_FULL);
	report_cgroup(EVENT_ROOT_ADDED, id, cgroup->level, name);
	return 0;
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(handle_rmdir, struct cgroup *cgroup, const char *path)
{
	u64 id = cgroup_id(cgroup), parent_id = cgroup_id(parent_of(cgroup));
	char name[CGROUP_NAME] = {};

	bpf_map_delete_elem(&cgroup_root, &id);
	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(cgroup, kn, name));
	/* A pod that did not fit, or that nobody judged, has no entry, and user space knows it all the same. */
	if (bpf_map_delete_elem(&cgroup_pod, &id) &&
	    !(names_pod(name) && bpf_map_lookup_elem(&cgroup_root, &parent_id)))
		return 0;
	report_cgroup(EVENT_POD_REMOVED, id, cgroup->level, name);
	return 0;
}

enum {
	NESTED_LEVELS = 64, /* so far below its pod's cgroup a process is looked for */
};

/*
 * The pod-level cgroup at or above this one, 0 if it lies in no known pod. From a process deeper than
 * that nobody hears of a namespace, which stays held; the connect hooks find its pod at any depth.
 */
static __always_inline u64 pod_cgroup_of(struct cgroup *cgroup, u32 *level)
{
	struct settings *set = get_settings();

	if (!set || !set->pod_level_min)
		return 0;
	for (int i = 0; i < NESTED_LEVELS && cgroup; i++) {
		u64 id = cgroup_id(cgroup);

		*level = BPF_CORE_READ(cgroup, level);
		if (*level < set->pod_level_min)
			return 0;
		if (bpf_map_lookup_elem(&cgroup_pod, &id))
			return id;
		cgroup = parent_of(cgroup);
	}
	if (cgroup)
		count(COUNT_UNSIGHTED);
	return 0;
}

/* Tells user space of the first process of a pod that is in this network namespace. */
static __always_inline void sight(struct task_struct *task, struct cgroup *cgroup)
{
	u32 level = 0;
	u64 now = bpf_ktime_get_ns();
	struct sighting key = { .cgroup = pod_cgroup_of(cgroup, &level) };

	if (!key.cgroup)
		return;
	/* runc's stages run in the pod's cgroup before they enter its namespace. */
	key.netns = task->nsproxy->net_ns->net_cookie;
	if (!key.netns || key.netns == host_netns || bpf_map_lookup_elem(&seen_netns, &key))
		return;

	struct event *event = reserve(EVENT_POD_NETNS, key.cgroup, level);

	if (!event)
		return;
	/* Only what was told counts as seen: a lost event is told by the next process. */
	bpf_map_update_elem(&seen_netns, &key, &now, BPF_ANY);
	event->netns = key.netns;
	event->netns_inode = task->nsproxy->net_ns->ns.inum;
	event->pid = task->tgid;
	submit(event);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(handle_fork, struct task_struct *parent, struct task_struct *child)
{
	/* a new thread is no new process */
	if (child->pid == child->tgid)
		sight(child, child->cgroups->dfl_cgrp);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(handle_exec, struct task_struct *task)
{
	sight(task, task->cgroups->dfl_cgrp);
	return 0;
}

SEC("tp_btf/cgroup_attach_task")
int BPF_PROG(handle_attach, struct cgroup *cgroup, const char *path, struct task_struct *task)
{
	sight(task, cgroup);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
