/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attached nowhere: the agent runs it. In a container, and on a node that is one (kind), paths do not
 * tell how deep a cgroup lies, while the hooks ask for ancestors by their level.
 */
#include "kernel.bpf.h"

enum {
	DEEPEST = 64,
};

/* Of the caller's own ancestors; 1 for the root of the hierarchy, 0 for a cgroup that is none of them. */
SEC("raw_tp")
int level_of(struct bpf_raw_tracepoint_args *ctx)
{
	u64 id = ctx->args[0];

	for (int level = 0; level < DEEPEST; level++)
		if (bpf_get_current_ancestor_cgroup_id(level) == id)
			return level + 1;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
