// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "dns.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "address.h"
#include "line.h"
#include "netns.h"
#include "question.h"

enum {
	PORTS = 4, /* UDP and TCP, IPv4 and IPv6 */
	PATIENCE = 1000, /* ms; nothing else is served meanwhile */
	FORWARD_PORT = 53,
};

struct port_watcher {
	struct watcher watcher;
	struct workload *workload;
};

struct stream_watcher {
	struct watcher watcher;
	struct workload *workload;
	struct stream_watcher *next;
};

struct dns {
	struct port_watcher port[PORTS];
	struct stream_watcher *streams;
};

static void tell(const struct workload *workload, const struct question *question,
		 const char *transport, const struct sockaddr_storage *source)
{
	struct line line;

	line_begin(&line);
	line_text(&line, "event", "question");
	line_text(&line, "pod", workload->name);
	line_text(&line, "name", question->name);
	line_text(&line, "type", question->type == TYPE_A ? "A" : "AAAA");
	line_text(&line, "transport", transport);
	line_address(&line, "src", source);
	line_end(&line);
}

static bool is_of_cluster(const char *name)
{
	static const char suffix[] = ".cluster.local";
	size_t length = strlen(name);

	return length >= sizeof(suffix) && strcmp(name + length - sizeof(suffix) + 1, suffix) == 0;
}

/* From the pod, with ztunnel's mark. 0: nobody answered. */
static size_t forward(const struct workload *workload, const char *resolver,
		      uint8_t message[QUESTION_SIZE], size_t length)
{
	struct sockaddr_storage server;
	ssize_t got = -1;
	int fd;

	if (!address_parse(resolver, FORWARD_PORT, &server))
		return 0;
	fd = netns_socket(workload->netns, server.ss_family, SOCK_DGRAM);
	if (fd < 0)
		return 0;
	if (connect(fd, (struct sockaddr *)&server, address_length(&server)) == 0 &&
	    send(fd, message, length, 0) == (ssize_t)length) {
		struct pollfd polled = { .fd = fd, .events = POLLIN };

		if (poll(&polled, 1, PATIENCE) == 1)
			got = recv(fd, message, QUESTION_SIZE, 0);
	}
	close(fd);
	return got > 0 ? (size_t)got : 0;
}

/* The answer's length, in place of the question; 0: none. */
static size_t answer(const struct workload *workload, uint8_t message[QUESTION_SIZE], size_t length,
		     const char *transport, const struct sockaddr_storage *source)
{
	const char *resolver = getenv("STAND_IN_RESOLVER");
	struct question question;

	if (!question_read(message, length, &question))
		return 0;
	tell(workload, &question, transport, source);
	if (resolver && !is_of_cluster(question.name))
		return forward(workload, resolver, message, length);
	return answer_write(message, &question, ANSWERER_ZTUNNEL);
}

static void datagram_ready(struct watcher *watcher, uint32_t events)
{
	const struct workload *workload = ((struct port_watcher *)watcher)->workload;
	struct sockaddr_storage source;
	socklen_t size = sizeof(source);
	uint8_t message[QUESTION_SIZE];
	ssize_t got = recvfrom(watcher->fd, message, sizeof(message), 0,
			       (struct sockaddr *)&source, &size);
	size_t length = got < 0 ? 0 : answer(workload, message, (size_t)got, "udp", &source);

	(void)events;
	if (length)
		sendto(watcher->fd, message, length, 0, (struct sockaddr *)&source, size);
}

static void stream_end(struct stream_watcher *stream)
{
	struct stream_watcher **link = &stream->workload->dns->streams;

	while (*link != stream)
		link = &(*link)->next;
	*link = stream->next;
	loop_close(&stream->watcher);
	free(stream);
}

/* The clients here write each question whole. */
static void stream_ready(struct watcher *watcher, uint32_t events)
{
	struct stream_watcher *stream = (struct stream_watcher *)watcher;
	uint8_t questions[4 * QUESTION_SIZE], message[2 + QUESTION_SIZE];
	ssize_t got = recv(watcher->fd, questions, sizeof(questions), 0);
	struct sockaddr_storage source;
	size_t length = 0;

	(void)events;
	address_peer(watcher->fd, &source);
	for (ssize_t at = 0; at + 2 < got; at += 2 + (ssize_t)length) {
		size_t size;

		length = (size_t)questions[at] << 8 | questions[at + 1];
		if (length > QUESTION_SIZE || at + 2 + (ssize_t)length > got)
			break;
		memcpy(message + 2, questions + at + 2, length);
		size = answer(stream->workload, message + 2, length, "tcp", &source);
		message[0] = (uint8_t)(size >> 8);
		message[1] = (uint8_t)size;
		if (size && send(watcher->fd, message, 2 + size, 0) < 0)
			break;
	}
	if (got <= 0)
		stream_end(stream);
}

static void stream_accept(struct watcher *watcher, uint32_t events)
{
	struct workload *workload = ((struct port_watcher *)watcher)->workload;
	int fd = accept4(watcher->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct stream_watcher *stream;

	(void)events;
	if (fd < 0)
		return;
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		abort();
	stream->watcher = (struct watcher){ .fd = fd, .ready = stream_ready };
	stream->workload = workload;
	stream->next = workload->dns->streams;
	workload->dns->streams = stream;
	loop_watch(&stream->watcher, EPOLLIN);
}

static int open_port(struct port_watcher *port, const char *host, int type)
{
	struct sockaddr_storage address;
	int one = 1, fd;

	address_parse(host, PORT_DNS, &address);
	fd = netns_socket(port->workload->netns, address.ss_family, type);
	port->watcher.fd = fd;
	port->watcher.ready = type == SOCK_STREAM ? stream_accept : datagram_ready;
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&address, address_length(&address)) != 0) {
		bool absent = errno == EADDRNOTAVAIL && address.ss_family == AF_INET6;

		loop_close(&port->watcher);
		return absent ? 0 : -1;
	}
	if (type == SOCK_STREAM && listen(fd, 128) != 0)
		return -1;
	loop_watch(&port->watcher, EPOLLIN);
	return 0;
}

int dns_open(struct workload *workload)
{
	static const char *const hosts[] = { "127.0.0.1", "::1" };
	const char *wish = getenv("STAND_IN_DNS");
	struct dns *dns;

	if (wish && strcmp(wish, "off") == 0)
		return 0;
	dns = workload->dns = calloc(1, sizeof(*dns));
	if (!dns)
		abort();
	for (int i = 0; i < PORTS; i++)
		dns->port[i] = (struct port_watcher){ .watcher.fd = -1, .workload = workload };
	for (int i = 0; i < PORTS; i++)
		if (open_port(&dns->port[i], hosts[i / 2], i % 2 ? SOCK_STREAM : SOCK_DGRAM) != 0)
			return -1;
	return 0;
}

void dns_close(struct workload *workload)
{
	struct dns *dns = workload->dns;

	if (!dns)
		return;
	while (dns->streams)
		stream_end(dns->streams);
	for (int i = 0; i < PORTS; i++)
		loop_close(&dns->port[i].watcher);
	free(dns);
	workload->dns = NULL;
}
