/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * DNS to ztunnel's resolver, which listens on the pod's loopback: the one destination that is
 * rewritten. What was asked is remembered on the socket, because musl and others check who answers.
 */
#ifndef DNS_BPF_H
#define DNS_BPF_H

#include "address.bpf.h"
#include "kernel.bpf.h"
#include "sluice.h"

enum {
	DNS_SERVERS = 4,	/* a power of two; resolv.conf names three */
};

/*
 * The servers that a socket asked, in order. A recursor asks several on one unconnected socket; their
 * answers are told apart by nothing but their order, since all come from the same address.
 */
struct asked {
	struct addr server[DNS_SERVERS];
	u32 open[DNS_SERVERS];	/* questions to it, one after the other, that have no answer yet */
	u32 newest;	/* counts what was remembered; the element is newest % DNS_SERVERS */
	u32 due;	/* whose answer comes next; never past newest */
};

/* connect and sendmsg write, recvmsg and getpeername read; gone with the socket. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct asked);
} dns_asked SEC(".maps");

/*
 * false: there is no memory to remember it in, and the question must not be asked. A connected socket
 * asks one server, without another word to the hooks.
 */
static __always_inline bool remember_server(struct bpf_sock *sk, const struct addr *server,
					    bool connects)
{
	struct asked first = { .server = { *server }, .open = { 1 } };
	struct asked *asked = bpf_sk_storage_get(&dns_asked, sk, NULL, 0);
	u32 slot;

	if (!asked)
		return bpf_sk_storage_get(&dns_asked, sk, &first, BPF_SK_STORAGE_GET_F_CREATE);
	if (connects) {
		*asked = first;
		return true;
	}
	slot = asked->newest % DNS_SERVERS;
	if (addr_equal(&asked->server[slot], server)) {
		asked->open[slot]++;
		return true;
	}
	asked->newest++;
	slot = asked->newest % DNS_SERVERS;
	asked->server[slot] = *server;
	asked->open[slot] = 1;
	if (asked->newest - asked->due >= DNS_SERVERS)
		asked->due = asked->newest - DNS_SERVERS + 1;
	return true;
}

/* The server whose answer this is taken for: the oldest that has not answered, else the last. */
static __always_inline bool answering_server(struct bpf_sock *sk, struct addr *server)
{
	struct asked *asked = bpf_sk_storage_get(&dns_asked, sk, NULL, 0);
	u32 slot;

	if (!asked)
		return false;
	for (int i = 1; i < DNS_SERVERS; i++)
		if (asked->due != asked->newest && asked->open[asked->due % DNS_SERVERS] == 0)
			asked->due++;
	slot = asked->due % DNS_SERVERS;
	if (asked->open[slot] > 0)
		asked->open[slot]--;
	*server = asked->server[slot];
	return true;
}

/* The server that a connected socket was connected to. */
static __always_inline bool connected_server(struct bpf_sock *sk, struct addr *server)
{
	struct asked *asked = bpf_sk_storage_get(&dns_asked, sk, NULL, 0);

	if (!asked)
		return false;
	*server = asked->server[asked->newest % DNS_SERVERS];
	return true;
}

static __always_inline void redirect_dns4(struct bpf_sock_addr *ctx)
{
	ctx->user_ip4 = bpf_htonl(0x7f000001);
	ctx->user_port = bpf_htons(ZTUNNEL_DNS);
}

static __always_inline void redirect_dns6(struct bpf_sock_addr *ctx, const struct addr *server)
{
	bool mapped = addr_is_v4(server);

	ctx->user_ip6[0] = 0;
	ctx->user_ip6[1] = 0;
	ctx->user_ip6[2] = mapped ? bpf_htonl(0xffff) : 0;
	ctx->user_ip6[3] = mapped ? bpf_htonl(0x7f000001) : bpf_htonl(1);
	ctx->user_port = bpf_htons(ZTUNNEL_DNS);
}

#endif
