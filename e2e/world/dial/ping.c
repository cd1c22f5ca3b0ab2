// SPDX-License-Identifier: Apache-2.0
// One ICMP echo on a connected socket; net.ipv4.ping_group_range must allow it.
#define _GNU_SOURCE
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <unistd.h>

#include "dial.h"

enum {
	PATIENCE = 2000,	/* ms */
};

int command_ping(int argc, char **argv)
{
	struct icmphdr echo = { .type = ICMP_ECHO }, reply = { 0 };
	struct pollfd polled = { .events = POLLIN };
	struct sockaddr_storage target;
	struct line line;
	bool six, ok;

	if (argc != 1 || !address_parse(argv[0], 0, &target))
		usage("ping needs ADDR", NULL);
	six = target.ss_family == AF_INET6;
	/* Both families have the same header up to the type. */
	if (six)
		echo.type = ICMP6_ECHO_REQUEST;
	polled.fd = socket(target.ss_family, SOCK_DGRAM | SOCK_CLOEXEC,
			   six ? (int)IPPROTO_ICMPV6 : (int)IPPROTO_ICMP);
	if (polled.fd < 0)
		fail("socket");
	if (connect(polled.fd, (const struct sockaddr *)&target, address_length(&target)) != 0)
		fail("connect");
	if (send(polled.fd, &echo, sizeof(echo), 0) < 0)
		fail("send");
	ok = poll(&polled, 1, PATIENCE) == 1 && recv(polled.fd, &reply, sizeof(reply), 0) > 0 &&
	     reply.type == (six ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY);
	close(polled.fd);
	line_begin(&line);
	line_flag(&line, "ok", ok);
	line_integer(&line, "type", reply.type);
	line_end(&line);
	return !ok;
}
