/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

enum colour {
	COLOUR_RED = 1,
	COLOUR_BLUE = 2,
};

struct point {
	__u64 id;
	__u32 place[4];
};

struct entry {
	__u8 version;
	__s8 small;
	__u16 port;
	__s32 delta;
	__u64 big;
	__s64 signed_big;
	enum colour colour;
	__u32 pad;
	char name[16];
	struct point at[2];
};

#define ENTRIES(map_name, map_type, key_type, value_type, count)	\
	struct {							\
		__uint(type, map_type);					\
		__type(key, key_type);					\
		__type(value, value_type);				\
		__uint(max_entries, count);				\
	} map_name SEC(".maps")

ENTRIES(hash, BPF_MAP_TYPE_HASH, struct point, struct entry, 20000);
ENTRIES(small, BPF_MAP_TYPE_HASH, __u32, __u64, 4);
ENTRIES(lru, BPF_MAP_TYPE_LRU_HASH, __u32, __u64, 64);
ENTRIES(array, BPF_MAP_TYPE_ARRAY, __u32, struct entry, 4);
ENTRIES(percpu_array, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u32, 4);
ENTRIES(percpu_hash, BPF_MAP_TYPE_PERCPU_HASH, __u32, struct point, 16);
ENTRIES(sockets, BPF_MAP_TYPE_SOCKHASH, struct point, __u64, 16);

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct point);
} sk_store SEC(".maps");

const volatile __u32 answer = 42;
const volatile __s16 offset = -3;
const volatile _Bool enabled = 0;
const volatile struct point origin = {};
/* Not volatile: compiled into the program, so no knob. */
const __u32 fixed = 9;

/* Adds one to percpu_array[0] on the CPU that it runs on. */
SEC("syscall")
int count(void *ctx)
{
	__u32 zero = 0, *value = bpf_map_lookup_elem(&percpu_array, &zero);

	if (value)
		(*value)++;
	return answer + offset + enabled + origin.id;
}

char LICENSE[] SEC("license") = "GPL";
