/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a cgroup's name says: the little of it that decides whether user space must hear of the cgroup. */
#ifndef NAMES_BPF_H
#define NAMES_BPF_H

#include "kernel.bpf.h"
#include "sluice.h"

/*
 * Where text holds word, a literal of that length; -1 if nowhere. Both are short and the loop is bounded by
 * the buffer. Unrolled: before 6.8 the verifier refuses a loop whose head follows a plain instruction.
 */
static __always_inline int find(const char *text, const char *word, u32 length)
{
	for (int i = 0; i + length < CGROUP_NAME; i++) {
		u8 differs = 0;

		if (!text[i])
			return -1;
#pragma clang loop unroll(full)
		for (u32 j = 0; j < length; j++)
			differs |= text[i + j] ^ word[j];
		if (!differs)
			return i;
	}
	return -1;
}

/* pod<uid> with cgroupfs, ...-pod<uid>.slice with systemd; the QoS classes have neither. */
static __always_inline bool names_pod(const char *name)
{
	return (name[0] == 'p' && name[1] == 'o' && name[2] == 'd') || find(name, "-pod", 4) >= 0;
}

#endif
