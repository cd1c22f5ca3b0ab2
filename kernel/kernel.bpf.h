/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The few kernel types that the programs look into, relocated by name at load (CO-RE), and the
 * constants that the kernel's own headers keep in places that do not compile for BPF. A dumped
 * vmlinux.h has 130,000 lines and costs seven times the build.
 */
#ifndef KERNEL_BPF_H
#define KERNEL_BPF_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

#define bool _Bool
#define true 1
#define false 0
#define NULL ((void *)0)

enum {
	AF_INET = 2,
	IPPROTO_IP = 0,
	IPPROTO_TCP = 6,
	IPPROTO_IPV6 = 41,
	IPPROTO_MPTCP = 262,
	SOL_SOCKET = 1,
	SO_REUSEADDR = 2,
	SO_BINDTODEVICE = 25,
	SO_MARK = 36,
	SO_BINDTOIFINDEX = 62,
	EEXIST = 17,
	EINVAL = 22,
	ECONNREFUSED = 111,
	IP_OPTIONS = 4,
	IPV6_2292PKTOPTIONS = 6,
	IPV6_RTHDR = 57,
	TCP_CLOSE = 7,
	TCP_CLOSE_WAIT = 8,
	TCP_LISTEN = 10,
	DNS_PORT = 53,
	LOOPBACK_IFINDEX = 1,
	IFNAMSIZ = 16,
};

#define relocated __attribute__((preserve_access_index))

struct kernfs_node {
	u64 id;
	const char *name;
} relocated;

struct cgroup_subsys_state {
	struct cgroup_subsys_state *parent;
} relocated;

struct cgroup {
	struct cgroup_subsys_state self;
	int level;
	struct kernfs_node *kn;
} relocated;

struct css_set {
	struct cgroup *dfl_cgrp;
} relocated;

struct ns_common {
	unsigned int inum;
} relocated;

struct net {
	struct ns_common ns;
	u64 net_cookie;
} relocated;

struct nsproxy {
	struct net *net_ns;
} relocated;

struct net_device {
	int ifindex;
} relocated;

struct dst_entry {
	struct net_device *dev;
} relocated;

struct sock {
	struct dst_entry *sk_dst_cache;
} relocated;

struct tcp_sock {
	bool syn_smc;
} relocated;

struct task_struct {
	int pid;
	int tgid;
	char comm[16];
	struct nsproxy *nsproxy;
	struct css_set *cgroups;
} relocated;

#endif
