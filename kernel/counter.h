/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the hooks count: a part of the contract (sluice.h). */
#ifndef COUNTER_H
#define COUNTER_H

/* Index into the per-CPU array counter. */
enum counter {
	/* connections */
	COUNT_STEERED,
	COUNT_PASSED,
	COUNT_ZTUNNEL_DIALS,		/* ztunnel -> application, marked for the way back */
	COUNT_DNS,			/* questions sent to ztunnel's resolver */
	COUNT_DEVICE_UNBOUND,
	COUNT_NESTED_PASSED,
	/* refused by connect and sendmsg */
	COUNT_REFUSED_UNKNOWN,
	COUNT_REFUSED_HELD,
	COUNT_REFUSED_OVERFLOW,
	COUNT_REFUSED_NESTED,
	COUNT_REFUSED_LINK_LOCAL,
	COUNT_REFUSED_DEVICE,		/* bound to a device that the hook could not take off in time */
	COUNT_REFUSED_LOOPBACK,		/* bound to loopback, bound for elsewhere */
	COUNT_REFUSED_DNS,		/* no memory to remember the server in */
	COUNT_REFUSED_MARK,		/* the socket could not be marked, or would not keep it (SMC) */
	/* refused by setsockopt */
	COUNT_REFUSED_SETSOCKOPT,
	/* inbound */
	COUNT_INBOUND_OUTBOUND,		/* handed to ztunnel's :15001 */
	COUNT_INBOUND_INBOUND,		/* handed to ztunnel's :15006 */
	COUNT_INBOUND_EXEMPT,
	COUNT_DROPPED_GUARD,		/* somebody dialled ztunnel's ports */
	COUNT_DROPPED_FOREIGN,		/* a foreign destination that did not come over lo */
	COUNT_DROPPED_NO_LISTENER,
	COUNT_DROPPED_LOOP,		/* ztunnel -> application without its exemption: would come round again */
	COUNT_DROPPED_NOT_READY,	/* inbound of a pod that is held */
	COUNT_DROPPED_NO_POD,
	COUNT_DROPPED_ASSIGN,		/* bpf_sk_assign failed */
	COUNT_INBOUND_BYPASSED,
	/* sockets of ztunnel and the kubelet */
	COUNT_PROBES,			/* connections of the kubelet to pods of the mesh */
	COUNT_LISTENERS,
	COUNT_LISTENER_FAILED,
	COUNT_EXEMPT_FAILED,
	/* processes */
	COUNT_EVENTS,
	COUNT_EVENTS_LOST,		/* the ring buffer was full */
	COUNT_MAP_FULL,			/* a pod cgroup did not fit into cgroup_pod */
	/* modes other than MODE_ENFORCE */
	COUNT_WOULD_STEER,
	COUNT_WOULD_HOLD,		/* would have been refused or dropped */
	/* ztunnel's sockets again */
	COUNT_ACCEPT_UNMARKED,		/* ztunnel's end of an egress connection could not be marked */
	/* probes whose address the network translates */
	COUNT_PROBES_TRANSLATED,
	COUNT_INBOUND_PROBE,		/* passed by the node's address and the declared port */
	/* processes again */
	COUNT_UNSIGHTED,		/* a process too deep below its pod's cgroup to be told of */
	/* ztunnel's sockets once more */
	COUNT_ACCEPT_UNSHARED,		/* ztunnel's end could not be made to leave its port to the application */
	/* the kubelet's sockets again */
	COUNT_EXEMPT_PROBE_FAILED,
	COUNTERS,
};

#endif
