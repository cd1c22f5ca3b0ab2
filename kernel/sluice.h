/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract with user space: every struct, key and constant that crosses the boundary.
 * User space reads names, offsets and enumerators from the BTF of the built objects; nothing here
 * is typed a second time. Integers are host order unless a comment says "network order".
 */
#ifndef SLUICE_H
#define SLUICE_H

#include <linux/types.h>

#include "counter.h"

/* Written into every struct pod and into the name of the pin directory; raised when a layout changes. */
enum layout {
	LAYOUT_VERSION = 1,
};

/* What the hooks do with a pod's connections. */
enum verdict {
	VERDICT_PASS = 1,	/* known, not in the mesh */
	VERDICT_UNKNOWN = 2,	/* a new pod: nobody has said yet */
	VERDICT_HELD = 3,	/* in the mesh, not enrolled yet */
	VERDICT_STEER = 4,	/* enrolled: egress and inbound go to ztunnel */
	VERDICT_OBSERVE = 5,	/* in the mesh of an agent that only observes: passes, counted */
};

/* Ports that ztunnel listens on in every enrolled pod. */
enum ztunnel_port {
	ZTUNNEL_OUTBOUND = 15001,
	ZTUNNEL_INBOUND = 15006,
	ZTUNNEL_HBONE = 15008,
	ZTUNNEL_DNS = 15053,
};

/* IPv4 and IPv6 alike, network order; IPv4 as ::ffff:a.b.c.d. All zero: none. */
struct addr {
	__u32 word[4];
};

enum pod_flag {
	POD_MORE_ADDRS = 1 << 0,	/* own_addr holds addresses besides ip[] */
	POD_DNS = 1 << 1,		/* port 53 goes to ztunnel's resolver */
	POD_BYPASS_INBOUND = 1 << 2,	/* only :15008 comes in through ztunnel */
};

enum pod_limits {
	POD_IPS = 2,		/* Kubernetes gives a pod at most one address per family */
	POD_LEVELS = 32,	/* levels at which pods may lie, from the highest kubepods root down */
};

/* Value of cgroup_pod and netns_pod. */
struct pod {
	__u8 version;		/* LAYOUT_VERSION */
	__u8 verdict;		/* enum verdict */
	__u16 flags;		/* enum pod_flag */
	__u32 pad;
	__u64 cgroup;		/* id of the pod-level cgroup */
	__u64 netns;		/* cookie; 0 while nobody knows it */
	__u64 since;		/* CLOCK_MONOTONIC ns of the last change of verdict */
	struct addr ip[POD_IPS];
};

/* Key of own_addr: an address that a pod's network namespace has. */
struct own_addr_key {
	__u64 netns;		/* cookie */
	struct addr addr;
};

/* Value of pod_stat, one for each enrolled network namespace. */
struct pod_stat {
	__u64 steered;		/* connections marked for ztunnel */
	__u64 refused;		/* connections refused by a hook */
	__u64 accepted;		/* inbound connections handed to ztunnel */
};

/* Value of pod_record: what `sluice status` shows when no agent runs. Hooks never read it. */
struct pod_record {
	char uid[40];
	char namespace[64];
	char name[256];
	char state[16];
	char reason[120];
	__u64 since;		/* CLOCK_REALTIME ms */
};

/* Key of seen_netns: a pod and a network namespace that one of its processes was seen in. */
struct sighting {
	__u64 cgroup;		/* pod-level */
	__u64 netns;		/* cookie */
};

/* Value of cgroup_root: a cgroup whose children are pods (kubepods and its QoS classes). */
struct cgroup_root {
	__u32 pod_level;	/* level of its children; the cgroup2 root is level 0 */
	__u32 pad;
};

enum role_kind {
	ROLE_NONE = 0,
	ROLE_AGENT = 1,
	ROLE_ZTUNNEL = 2,
	ROLE_KUBELET = 3,
};

enum role_limits {
	ROLES = 8,
};

/* Element of the array role: processes below this cgroup are the named component. */
struct role {
	__u64 cgroup;		/* 0: the element is free */
	__u32 level;		/* of that cgroup */
	__u32 kind;		/* enum role_kind */
};

enum nested_netns {
	NESTED_REFUSE = 0,
	NESTED_PASS = 1,
};

/* The one element of the array settings: what changes while programs stay attached. */
struct settings {
	__u32 strict;		/* a dead agent frees nobody */
	__u32 nested;		/* enum nested_netns: sockets of a netns that a pod made itself */
	__u32 pod_level_min;	/* levels at which pod cgroups lie on this node; 0: none known */
	__u32 pod_level_max;
};

/* What the hooks may do at all; all but MODE_ENFORCE let every connection pass and count what they would do. */
enum mode {
	MODE_ENFORCE = 0,
	MODE_OBSERVE = 1,	/* as configured */
	MODE_PAUSED = 2,	/* until `sluice resume` */
};

/* Index into the array mode: each element has one writer, so that neither undoes the other's word. */
enum mode_writer {
	MODE_OF_AGENT = 0,
	MODE_OF_OPERATOR = 1,	/* `sluice pause` and `resume`; wins */
	MODE_WRITERS = 2,
};

/* A connection, seen from its server: the key of exempt, exempt_probe and unexempt. */
struct tuple {
	__u64 netns;		/* cookie of the server's network namespace */
	struct addr src, dst;
	__u16 sport, dport;
	__u32 pad;
};

/* Key of probe_port. */
struct probe_port_key {
	__u64 netns;		/* cookie */
	__u16 port;
	__u16 pad[3];
};

/* Value of probe_port: a port that the pod's specification has the kubelet probe. */
struct probe_port {
	__u64 passed;		/* connections from a node's address, by the operator's word */
	struct addr from;	/* who dialled it last and was not exempt; all zero: nobody */
};

/* Value of probe_stat: whether the kubelet's connections reach the pod as it made them. */
struct probe_stat {
	__u64 met;
	__u64 translated;	/* the pod saw another source, destination or port */
};

enum listener_slot {
	SLOT_ZTUNNEL = 0,
	SLOT_UPGRADE = 1,	/* the other ztunnel while one replaces the other */
	SLOT_PARKED = 2,	/* the agent's own, which answers nothing while ztunnel is away */
	SLOTS = 3,
};

/* Key of listener. */
struct listener_key {
	__u64 netns;		/* cookie */
	__u16 port;
	__u16 slot;		/* enum listener_slot */
	__u32 pad;
};

enum event_kind {
	EVENT_POD_ADDED = 1,	/* a pod cgroup was made */
	EVENT_POD_REMOVED = 2,	/* a pod cgroup is gone */
	EVENT_POD_NETNS = 3,	/* first process of a pod in a network namespace */
	EVENT_ROOT_ADDED = 4,	/* a cgroup named kubepods* was made */
};

enum event_limits {
	CGROUP_NAME = 128,
};

/* What the ring buffer carries. */
struct event {
	__u64 time;		/* CLOCK_MONOTONIC ns */
	__u64 cgroup;		/* id; pod-level but for EVENT_ROOT_ADDED */
	__u64 netns;		/* cookie; EVENT_POD_NETNS only */
	__u32 netns_inode;	/* EVENT_POD_NETNS only */
	__u32 pid;		/* process id on the host; EVENT_POD_NETNS only */
	__u32 level;		/* of cgroup */
	__u32 kind;		/* enum event_kind */
	char name[CGROUP_NAME];	/* last component of the cgroup's path */
};

enum refusal_limits {
	COMMAND_NAME = 16,
	REFUSALS_TOLD = 5,	/* a second, of each pod (inbound: pod and peer) and reason */
	DROPS_TOLD = 100,	/* inbound, a second, of each pod and reason, from all peers */
};

/* What the ring buffer refusals carries: a connection, question or socket option that a hook refused. */
struct refusal {
	__u64 time;		/* CLOCK_MONOTONIC ns */
	__u64 netns;		/* cookie of the socket's, or the SYN's, network namespace */
	__u64 cgroup;		/* pod-level, of the pod whose traffic it was; 0: not known */
	struct addr peer;	/* egress: what was dialled; inbound: who dialled; all zero: not connected */
	struct addr dialled;	/* inbound only: the pod's address */
	__u16 peer_port, dialled_port;
	__u32 reason;		/* enum counter */
	__u32 pid;		/* of the caller on the host; egress only */
	__u32 pad;
	char command[COMMAND_NAME]; /* its name; egress only */
};

#endif
