/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * No programs: this object carries the BTF of every type of the contract, which the build turns into
 * TypeScript. clang leaves out of BTF what nothing refers to.
 */
#include "kernel.bpf.h"
#include "sluice.h"

struct contract {
	enum layout layout;
	enum verdict verdict;
	enum ztunnel_port ztunnel_port;
	enum pod_flag pod_flag;
	enum pod_limits pod_limits;
	enum role_kind role_kind;
	enum role_limits role_limits;
	enum nested_netns nested_netns;
	enum mode mode;
	enum mode_writer mode_writer;
	enum listener_slot listener_slot;
	enum event_kind event_kind;
	enum event_limits event_limits;
	enum counter counter;
	struct addr addr;
	struct pod pod;
	struct own_addr_key own_addr_key;
	struct pod_stat pod_stat;
	struct probe_port_key probe_port_key;
	struct probe_port probe_port;
	struct probe_stat probe_stat;
	struct pod_record pod_record;
	struct sighting sighting;
	struct cgroup_root cgroup_root;
	struct role role;
	struct settings settings;
	struct tuple tuple;
	struct listener_key listener_key;
	struct event event;
	enum refusal_limits refusal_limits;
	struct refusal refusal;
};

/* A hole or a hidden tail would carry stack bytes into a map key, where they never compare equal. */
_Static_assert(sizeof(struct pod) == 64, "struct pod has holes");
_Static_assert(sizeof(struct own_addr_key) == 24, "struct own_addr_key has holes");
_Static_assert(sizeof(struct sighting) == 16, "struct sighting has holes");
_Static_assert(sizeof(struct tuple) == 48, "struct tuple has holes");
_Static_assert(sizeof(struct listener_key) == 16, "struct listener_key has holes");
_Static_assert(sizeof(struct event) == 168, "struct event has holes");
_Static_assert(sizeof(struct refusal) == 88, "struct refusal has holes");

const struct contract *contract __attribute__((unused));

char LICENSE[] SEC("license") = "Dual BSD/GPL";
