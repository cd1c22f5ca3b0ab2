// SPDX-License-Identifier: Apache-2.0
// dial resolver: a DNS server that answers every name, over UDP and TCP.
#define _GNU_SOURCE
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "dial.h"
#include "question.h"

static int open_port(const struct sockaddr_storage *address, int type)
{
	int fd = socket(address->ss_family, type | SOCK_CLOEXEC, 0), one = 1, zero = 0;

	if (fd < 0)
		fail("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (address->ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (bind(fd, (const struct sockaddr *)address, address_length(address)) != 0)
		fail("bind");
	if (type == SOCK_STREAM && listen(fd, 64) != 0)
		fail("listen");
	return fd;
}

static size_t answer(uint8_t message[QUESTION_SIZE], size_t length, struct sockaddr_storage *peer,
		     const char *transport)
{
	struct question question;
	struct line line;

	if (!question_read(message, length, &question))
		return 0;
	address_canonicalise(peer);
	line_begin(&line);
	line_text(&line, "event", "question");
	line_text(&line, "name", question.name);
	line_text(&line, "type", question.type == TYPE_A ? "A" : "AAAA");
	line_text(&line, "transport", transport);
	line_address(&line, "src", peer);
	line_end(&line);
	return answer_write(message, &question, ANSWERER_SERVER);
}

static void answer_datagram(int fd)
{
	struct sockaddr_storage peer, shown;
	socklen_t size = sizeof(peer);
	uint8_t message[QUESTION_SIZE];
	ssize_t got = recvfrom(fd, message, sizeof(message), 0, (struct sockaddr *)&peer, &size);
	size_t length;

	if (got < 0)
		return;
	shown = peer;
	length = answer(message, (size_t)got, &shown, "udp");
	if (length)
		sendto(fd, message, length, 0, (struct sockaddr *)&peer, size);
}

/* All questions of one connection; no client here keeps it waiting. */
static void answer_stream(int listener)
{
	uint8_t message[2 + QUESTION_SIZE];
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);
	int fd = accept4(listener, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC);

	while (fd >= 0 && recv(fd, message, 2, MSG_WAITALL) == 2) {
		size_t length = (size_t)message[0] << 8 | message[1];

		if (length > QUESTION_SIZE ||
		    recv(fd, message + 2, length, MSG_WAITALL) != (ssize_t)length)
			break;
		length = answer(message + 2, length, &peer, "tcp");
		message[0] = (uint8_t)(length >> 8);
		message[1] = (uint8_t)length;
		if (length == 0 || send(fd, message, 2 + length, 0) < 0)
			break;
	}
	if (fd >= 0)
		close(fd);
}

int command_resolver(int argc, char **argv)
{
	struct sockaddr_storage address;
	struct pollfd ports[2] = { { .events = POLLIN }, { .events = POLLIN } };
	struct line line;

	if (argc > 2 || !address_parse(argc > 0 ? argv[0] : "::",
				       argc > 1 ? (int)number(argv[1], 1, 65535) : 53, &address))
		usage("resolver takes [ADDR [PORT]]", NULL);
	ports[0].fd = open_port(&address, SOCK_DGRAM);
	ports[1].fd = open_port(&address, SOCK_STREAM);
	line_begin(&line);
	line_text(&line, "event", "listening");
	line_address(&line, "local", &address);
	line_end(&line);
	while (poll(ports, 2, -1) > 0) {
		if (ports[0].revents)
			answer_datagram(ports[0].fd);
		if (ports[1].revents)
			answer_stream(ports[1].fd);
	}
	return 0;
}
