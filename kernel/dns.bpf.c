/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The way back of DNS: answers of ztunnel's resolver come, as far as the application can tell, from
 * the server that it asked. Replaces: the reverse translation that conntrack did for "udp dport 53 ->
 * redirect 15053", and the conntrack zones that kept the two flows apart.
 */
#include "address.bpf.h"
#include "dns.bpf.h"
#include "kernel.bpf.h"
#include "sluice.h"

enum {
	ALLOW = 1, /* the only return value that recvmsg and getpeername may have */
};

/* Anybody may send from its port: only from the pod's loopback it is ztunnel that does. */
static __always_inline bool from_ztunnel(const struct bpf_sock_addr *ctx, struct addr from)
{
	struct addr v4 = addr_v4(bpf_htonl(0x7f000001)), v6 = addr_v6(0, 0, 0, bpf_htonl(1));

	return ctx->user_port == bpf_htons(ZTUNNEL_DNS) && ctx->sk &&
	       (addr_equal(&from, &v4) || addr_equal(&from, &v6));
}

static __always_inline void show4(struct bpf_sock_addr *ctx, const struct addr *server)
{
	ctx->user_ip4 = server->word[3];
	ctx->user_port = bpf_htons(DNS_PORT);
}

static __always_inline void show6(struct bpf_sock_addr *ctx, const struct addr *server)
{
	ctx->user_ip6[0] = server->word[0];
	ctx->user_ip6[1] = server->word[1];
	ctx->user_ip6[2] = server->word[2];
	ctx->user_ip6[3] = server->word[3];
	ctx->user_port = bpf_htons(DNS_PORT);
}

SEC("cgroup/recvmsg4")
int recvmsg4(struct bpf_sock_addr *ctx)
{
	struct addr server;

	if (from_ztunnel(ctx, addr_v4(CTX_READ(ctx->user_ip4))) &&
	    answering_server(ctx->sk, &server))
		show4(ctx, &server);
	return ALLOW;
}

SEC("cgroup/recvmsg6")
int recvmsg6(struct bpf_sock_addr *ctx)
{
	struct addr server;

	if (from_ztunnel(ctx, CTX_ADDR_V6(ctx->user_ip6)) &&
	    answering_server(ctx->sk, &server))
		show6(ctx, &server);
	return ALLOW;
}

SEC("cgroup/getpeername4")
int getpeername4(struct bpf_sock_addr *ctx)
{
	struct addr server;

	if (from_ztunnel(ctx, addr_v4(CTX_READ(ctx->user_ip4))) &&
	    connected_server(ctx->sk, &server))
		show4(ctx, &server);
	return ALLOW;
}

SEC("cgroup/getpeername6")
int getpeername6(struct bpf_sock_addr *ctx)
{
	struct addr server;

	if (from_ztunnel(ctx, CTX_ADDR_V6(ctx->user_ip6)) &&
	    connected_server(ctx->sk, &server))
		show6(ctx, &server);
	return ALLOW;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
