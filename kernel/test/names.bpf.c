/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Calls the functions of names.bpf.h for user space. */
#include "kernel.bpf.h"
#include "names.bpf.h"
#include "sluice.h"

struct name_case {
	char name[CGROUP_NAME];
	u32 pod;
	int kubepods; /* where the word begins; -1: nowhere */
};

SEC("syscall")
int parse(struct name_case *ctx)
{
	char name[CGROUP_NAME] = {};

	bpf_probe_read_kernel_str(name, sizeof(name), ctx->name);
	ctx->pod = names_pod(name);
	ctx->kubepods = find(name, "kubepods", 8);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
