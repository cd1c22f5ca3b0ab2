// SPDX-License-Identifier: Apache-2.0
// A SYN that no TCP socket sends: by a raw socket, with a header of our own, past IP altogether, and as if it had come
// in by a device, to be forwarded.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "dial.h"

#ifndef IPV6_HDRINCL
#define IPV6_HDRINCL 36
#endif

enum {
	SOURCE_PORT = 45000,
	HOPS = 64,
};

static const char device[] = "eth0", tunnel[] = "tun0";

struct packet {
	union {
		struct iphdr v4;
		struct ip6_hdr v6;
		unsigned char bytes[40];
	} header;
	struct tcphdr segment;
};

static uint32_t sum(uint32_t before, const void *data, size_t size)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i + 1 < size; i += 2)
		before += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	return before;
}

static uint16_t folded(uint32_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return htons((uint16_t)~total);
}

static const void *raw_address(const struct sockaddr_storage *address, size_t *size)
{
	*size = address->ss_family == AF_INET ? 4 : 16;
	return address->ss_family == AF_INET ? (const void *)&((const struct sockaddr_in *)address)->sin_addr :
					       (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr;
}

/* The address that a datagram to there would come from. */
static void find_source(const struct sockaddr_storage *target, struct sockaddr_storage *source)
{
	int fd = socket(target->ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)target, address_length(target)) != 0)
		fail("source");
	address_local(fd, source);
	close(fd);
}

/* Returns the size of its header. */
static size_t compose(const struct sockaddr_storage *target, const struct sockaddr_storage *source,
		      struct packet *packet)
{
	const void *from, *to;
	uint32_t total;
	size_t size;

	memset(packet, 0, sizeof(*packet));
	from = raw_address(source, &size);
	to = raw_address(target, &size);
	packet->segment = (struct tcphdr){ .source = htons(SOURCE_PORT),
					   .dest = htons((uint16_t)address_port(target)),
					   .seq = htonl(1),
					   .doff = sizeof(packet->segment) / 4,
					   .syn = 1,
					   .window = htons(65535) };
	total = sum(sum(IPPROTO_TCP + sizeof(packet->segment), from, size), to, size);
	packet->segment.check = folded(sum(total, &packet->segment, sizeof(packet->segment)));
	if (target->ss_family == AF_INET6) {
		packet->header.v6.ip6_flow = htonl(6u << 28);
		packet->header.v6.ip6_plen = htons(sizeof(packet->segment));
		packet->header.v6.ip6_nxt = IPPROTO_TCP;
		packet->header.v6.ip6_hlim = HOPS;
		memcpy(&packet->header.v6.ip6_src, from, size);
		memcpy(&packet->header.v6.ip6_dst, to, size);
		return sizeof(packet->header.v6);
	}
	packet->header.v4 = (struct iphdr){ .version = 4,
					    .ihl = 5,
					    .tot_len = htons(sizeof(struct iphdr) + sizeof(struct tcphdr)),
					    .ttl = HOPS,
					    .protocol = IPPROTO_TCP };
	memcpy(&packet->header.v4.saddr, from, size);
	memcpy(&packet->header.v4.daddr, to, size);
	packet->header.v4.check = folded(sum(0, &packet->header.v4, sizeof(packet->header.v4)));
	return sizeof(packet->header.v4);
}

/* To everybody on the link: the test watches one of them. */
static ssize_t send_past_ip(int family, const void *data, size_t size)
{
	struct sockaddr_ll link = { .sll_family = AF_PACKET,
				    .sll_protocol = htons(family == AF_INET ? ETH_P_IP : ETH_P_IPV6),
				    .sll_ifindex = (int)if_nametoindex(device),
				    .sll_halen = ETH_ALEN };
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fail("socket");
	memset(link.sll_addr, 0xff, ETH_ALEN);
	return sendto(fd, data, size, 0, (struct sockaddr *)&link, sizeof(link));
}

static ssize_t send_by_ip(const struct sockaddr_storage *target, bool included, const void *data, size_t size)
{
	struct sockaddr_storage host = *target;
	bool six = target->ss_family == AF_INET6;
	int one = 1;
	int fd = socket(target->ss_family, SOCK_RAW | SOCK_CLOEXEC, included ? IPPROTO_RAW : IPPROTO_TCP);

	if (fd < 0)
		fail("socket");
	if (included && setsockopt(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_HDRINCL : IP_HDRINCL, &one,
				   sizeof(one)) != 0)
		fail("setsockopt");
	/* A raw socket takes a port for a protocol. */
	address_set_port(&host, 0);
	return sendto(fd, data, size, 0, (const struct sockaddr *)&host, address_length(&host));
}

/* The device is there already, with an address and up. */
static ssize_t send_by_tunnel(const void *data, size_t size)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	memcpy(request.ifr_name, tunnel, sizeof(tunnel));
	if (fd < 0 || ioctl(fd, TUNSETIFF, &request) != 0)
		fail("TUNSETIFF");
	return write(fd, data, size);
}

int command_raw(int argc, char **argv)
{
	struct sockaddr_storage target, source;
	struct packet packet;
	struct line line;
	unsigned char whole[sizeof(packet)];
	size_t header;
	ssize_t sent;

	if (argc < 3 || argc > 4 || !address_parse(argv[1], (int)number(argv[2], 1, 65535), &target))
		usage("raw needs tcp|header|packet|tun ADDR PORT [SOURCE]", NULL);
	if (argc == 3)
		find_source(&target, &source);
	else if (!address_parse(argv[3], 0, &source) || source.ss_family != target.ss_family)
		usage("not a source", argv[3]);
	header = compose(&target, &source, &packet);
	memcpy(whole, &packet.header, header);
	memcpy(whole + header, &packet.segment, sizeof(packet.segment));
	if (strcmp(argv[0], "tcp") == 0)
		sent = send_by_ip(&target, false, &packet.segment, sizeof(packet.segment));
	else if (strcmp(argv[0], "header") == 0)
		sent = send_by_ip(&target, true, whole, header + sizeof(packet.segment));
	else if (strcmp(argv[0], "tun") == 0)
		sent = send_by_tunnel(whole, header + sizeof(packet.segment));
	else
		sent = send_past_ip(target.ss_family, whole, header + sizeof(packet.segment));
	if (sent < 0)
		fail("send");
	line_begin(&line);
	line_flag(&line, "ok", true);
	line_end(&line);
	return 0;
}
