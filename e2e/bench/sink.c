// SPDX-License-Identifier: Apache-2.0
// The reader: echoes, counts what it is sent, and tells the sender when it has read all of it.
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "line.h"
#include "load.h"

struct peer {
	int fd;
	char kind; /* 0: not told yet */
	unsigned long long bytes;
};

static char block[BLOCK];

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static bool write_all(int fd, const char *from, size_t length)
{
	while (length > 0) {
		ssize_t done = write(fd, from, length);

		if (done <= 0)
			return false;
		from += done;
		length -= (size_t)done;
	}
	return true;
}

/* false: the connection is over. */
static bool take(struct peer *peer)
{
	ssize_t got = read(peer->fd, block, sizeof(block));
	char *from = block;

	if (got < 0)
		return false;
	if (got > 0 && !peer->kind) {
		peer->kind = *from++;
		got--;
	} else if (got == 0) {
		if (peer->kind == SINK)
			dprintf(peer->fd, "%llu\n", peer->bytes);
		return false;
	}
	peer->bytes += (unsigned long long)got;
	return peer->kind == SINK || write_all(peer->fd, from, (size_t)got);
}

static int listen_on(int type, int port)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons((unsigned short)port) };
	int one = 1, fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) != 0)
		die("bind");
	if (type == SOCK_STREAM && listen(fd, 4096) != 0)
		die("listen");
	return fd;
}

static void watch(int loop, struct peer *peer)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = peer };

	if (epoll_ctl(loop, EPOLL_CTL_ADD, peer->fd, &event) != 0)
		die("epoll_ctl");
}

static void welcome(int loop, int listener)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	int one = 1;

	if (!peer)
		die("calloc");
	peer->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (peer->fd < 0) {
		free(peer);
		return;
	}
	setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	watch(loop, peer);
}

static void echo_datagram(int fd)
{
	struct sockaddr_storage from;
	socklen_t length = sizeof(from);
	ssize_t got = recvfrom(fd, block, sizeof(block), 0, (struct sockaddr *)&from, &length);

	if (got >= 0)
		sendto(fd, block, (size_t)got, 0, (struct sockaddr *)&from, length);
}

int serve(int port)
{
	struct peer listener = { .fd = listen_on(SOCK_STREAM, port) };
	struct peer datagrams = { .fd = listen_on(SOCK_DGRAM, port) };
	int loop = epoll_create1(EPOLL_CLOEXEC);
	struct line line;

	watch(loop, &listener);
	watch(loop, &datagrams);
	line_begin(&line);
	line_text(&line, "event", "listening");
	line_end(&line);
	for (;;) {
		struct epoll_event events[64];
		int ready = epoll_wait(loop, events, 64, -1);

		for (int i = 0; i < ready; i++) {
			struct peer *peer = events[i].data.ptr;

			if (peer == &listener) {
				welcome(loop, listener.fd);
			} else if (peer == &datagrams) {
				echo_datagram(datagrams.fd);
			} else if (!take(peer)) {
				close(peer->fd);
				free(peer);
			}
		}
	}
}
