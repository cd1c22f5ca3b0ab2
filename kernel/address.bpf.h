/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One address type for both families; nothing else in kernel/ compares addresses. */
#ifndef ADDRESS_BPF_H
#define ADDRESS_BPF_H

#include "kernel.bpf.h"
#include "sluice.h"

/*
 * The verifier refuses a context load through a modified pointer, which is what the compiler makes
 * of two loads that it merges across a branch: every context field is read volatile, both families
 * before one is chosen.
 */
#define CTX_READ(field) (*(volatile __u32 *)&(field))

static __always_inline struct addr addr_v4(u32 ip)
{
	return (struct addr){ { 0, 0, bpf_htonl(0xffff), ip } };
}

static __always_inline struct addr addr_v6(u32 a, u32 b, u32 c, u32 d)
{
	return (struct addr){ { a, b, c, d } };
}

/* field is an array of four in the context, as user_ip6 is. */
#define CTX_ADDR_V6(field)                                                                         \
	addr_v6(CTX_READ((field)[0]), CTX_READ((field)[1]), CTX_READ((field)[2]),                  \
		CTX_READ((field)[3]))

/* An address of a context that has both families: side is local, remote or src. */
#define CTX_ADDR(ctx, side)                                                                        \
	({                                                                                         \
		u32 family_ = CTX_READ((ctx)->family);                                             \
		u32 ip4_ = CTX_READ((ctx)->side##_ip4);                                            \
		struct addr ip6_ = CTX_ADDR_V6((ctx)->side##_ip6);                                 \
		family_ == AF_INET ? addr_v4(ip4_) : ip6_;                                         \
	})

static __always_inline bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->word[3] == b->word[3] && a->word[2] == b->word[2] && a->word[1] == b->word[1] &&
	       a->word[0] == b->word[0];
}

static __always_inline bool addr_is_v4(const struct addr *a)
{
	return !a->word[0] && !a->word[1] && a->word[2] == bpf_htonl(0xffff);
}

static __always_inline bool addr_is_unspecified(const struct addr *a)
{
	return !a->word[0] && !a->word[1] && !a->word[3] && (!a->word[2] || addr_is_v4(a));
}

static __always_inline bool addr_is_loopback(const struct addr *a)
{
	if (addr_is_v4(a))
		return (a->word[3] & bpf_htonl(0xff000000)) == bpf_htonl(0x7f000000);
	return !a->word[0] && !a->word[1] && !a->word[2] && a->word[3] == bpf_htonl(1);
}

/* fe80::/10: meaningful only together with a scope, which ztunnel cannot carry. */
static __always_inline bool addr_is_link_local(const struct addr *a)
{
	return (a->word[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

#endif
