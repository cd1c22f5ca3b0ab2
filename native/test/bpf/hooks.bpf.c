/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

/* cookie -> number of calls */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u64);
	__type(value, __u64);
	__uint(max_entries, 64);
} calls SEC(".maps");

const volatile __u64 cookie = 1;
const volatile __u32 refuse = 0;

static void count(void)
{
	__u64 key = cookie, one = 1, *value = bpf_map_lookup_elem(&calls, &key);

	if (value)
		__sync_fetch_and_add(value, 1);
	else
		bpf_map_update_elem(&calls, &key, &one, BPF_ANY);
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx)
{
	count();
	return !refuse;
}

SEC("sk_lookup")
int lookup(struct bpf_sk_lookup *ctx)
{
	count();
	return refuse ? SK_DROP : SK_PASS;
}

SEC("raw_tp/sys_enter")
int raw(void *ctx)
{
	count();
	return 0;
}

SEC("tp_btf/sys_enter")
int typed(void *ctx)
{
	count();
	return 0;
}

SEC("tracepoint/sched/sched_process_fork")
int point(void *ctx)
{
	count();
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
