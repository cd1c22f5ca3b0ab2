// SPDX-License-Identifier: Apache-2.0
// What arrives on the wire for a TCP port, whether there is a connection for it or not.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "dial.h"

enum {
	ROOM = 32 << 20,
};

static volatile sig_atomic_t told_to_stop;

static void stop(int signal)
{
	(void)signal;
	told_to_stop = 1;
}

static int open_wire(void)
{
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL));
	int room = ROOM;

	if (fd < 0)
		fail("socket");
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) != 0)
		fail("SO_RCVBUFFORCE");
	return fd;
}

/* The segment's header, and where it comes from; null: it is none. */
static const struct tcphdr *parse(const unsigned char *packet, size_t size, int protocol,
				  struct sockaddr_storage *from)
{
	const struct tcphdr *segment;
	size_t offset;

	memset(from, 0, sizeof(*from));
	if (protocol == ETH_P_IP && size >= sizeof(struct iphdr)) {
		const struct iphdr *header = (const void *)packet;

		if (header->protocol != IPPROTO_TCP)
			return NULL;
		offset = (size_t)header->ihl * 4;
		from->ss_family = AF_INET;
		((struct sockaddr_in *)from)->sin_addr.s_addr = header->saddr;
	} else if (protocol == ETH_P_IPV6 && size >= sizeof(struct ip6_hdr)) {
		const struct ip6_hdr *header = (const void *)packet;

		offset = sizeof(*header);
		if (header->ip6_nxt == IPPROTO_ROUTING && size >= offset + sizeof(struct ip6_rthdr)) {
			const struct ip6_rthdr *route = (const void *)(packet + offset);

			if (route->ip6r_nxt != IPPROTO_TCP)
				return NULL;
			offset += (size_t)(route->ip6r_len + 1) * 8;
		} else if (header->ip6_nxt != IPPROTO_TCP) {
			return NULL;
		}
		from->ss_family = AF_INET6;
		((struct sockaddr_in6 *)from)->sin6_addr = header->ip6_src;
	} else {
		return NULL;
	}
	if (size < offset + sizeof(*segment))
		return NULL;
	segment = (const void *)(packet + offset);
	address_set_port(from, ntohs(segment->source));
	return segment;
}

static void print_segment(const struct tcphdr *segment, const struct sockaddr_storage *from)
{
	struct line line;
	char flags[8];
	size_t count = 0;

	if (segment->syn)
		flags[count++] = 'S';
	if (segment->fin)
		flags[count++] = 'F';
	if (segment->rst)
		flags[count++] = 'R';
	if (segment->ack)
		flags[count++] = 'A';
	flags[count] = 0;
	line_begin(&line);
	line_text(&line, "event", "segment");
	line_address(&line, "from", from);
	line_integer(&line, "to", ntohs(segment->dest));
	line_text(&line, "flags", flags);
	line_end(&line);
}

static void tell_all(int fd, int first, int last)
{
	_Alignas(8) unsigned char packet[128];
	struct sockaddr_storage from;
	struct sockaddr_ll link;
	socklen_t length = sizeof(link);
	ssize_t size;

	while ((size = recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&link,
				&length)) >= 0) {
		const struct tcphdr *segment =
			parse(packet, (size_t)size, ntohs(link.sll_protocol), &from);

		if (segment && link.sll_pkttype != PACKET_OUTGOING &&
		    ntohs(segment->dest) >= first && ntohs(segment->dest) <= last)
			print_segment(segment, &from);
		length = sizeof(link);
	}
}

int command_segments(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = stop };
	struct tpacket_stats stats = { 0 };
	socklen_t length = sizeof(stats);
	struct line line;
	sigset_t ending, none;
	int first, last, fd;

	if (argc != 1 && argc != 2)
		usage("segments needs PORT [LAST-PORT]", NULL);
	first = (int)number(argv[0], 1, 65535);
	last = argc == 2 ? (int)number(argv[1], first, 65535) : first;
	sigemptyset(&none);
	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigprocmask(SIG_BLOCK, &ending, NULL);
	sigaction(SIGTERM, &action, NULL);
	fd = open_wire();
	line_begin(&line);
	line_text(&line, "event", "watching");
	line_end(&line);
	while (!told_to_stop) {
		struct pollfd polled = { .fd = fd, .events = POLLIN };

		ppoll(&polled, 1, NULL, &none);
		tell_all(fd, first, last);
	}
	getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &length);
	line_begin(&line);
	line_text(&line, "event", "watched");
	line_integer(&line, "lost", stats.tp_drops);
	line_end(&line);
	return 0;
}
