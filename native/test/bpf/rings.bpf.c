/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct record {
	__u64 sequence;
	__u32 size;
	__u32 pad;
};

const struct record *btf_record __attribute__((unused));

struct flood {
	__u32 count;
	__u32 discard_every;	/* 0: never */
	__u64 first;
	__u64 dropped;		/* out */
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ring SEC(".maps");

static long emit(__u32 index, struct flood *flood)
{
	struct record *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);

	if (!record) {
		flood->dropped++;
		return 0;
	}
	record->sequence = flood->first + index;
	record->size = sizeof(*record);
	record->pad = 0;
	if (flood->discard_every && index % flood->discard_every == 0)
		bpf_ringbuf_discard(record, 0);
	else
		bpf_ringbuf_submit(record, 0);
	return 0;
}

/* Writes flood->count records. */
SEC("syscall")
int produce(struct flood *flood)
{
	/* bpf_loop's context lies on the stack */
	struct flood local = {
		.discard_every = flood->discard_every,
		.first = flood->first,
	};

	bpf_loop(flood->count, emit, &local, 0);
	flood->dropped = local.dropped;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
