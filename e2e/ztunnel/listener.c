// SPDX-License-Identifier: Apache-2.0
// ztunnel's listeners in a pod. The order of the system calls is ztunnel's: transparent only after listen().
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"
#include "dns.h"
#include "fault.h"
#include "netns.h"
#include "workload.h"

enum {
	BACKLOG = 128,
};

static const enum port ports[LISTENERS] = { PORT_HBONE, PORT_INBOUND, PORT_OUTBOUND };

bool port_is_own(int port)
{
	for (int i = 0; i < LISTENERS; i++)
		if ((int)ports[i] == port)
			return true;
	return false;
}

static void accept_one(struct watcher *watcher, uint32_t events)
{
	struct listener *listener = (struct listener *)watcher;
	int fd = accept4(watcher->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	int mark = PACKET_MARK;

	(void)events;
	if (fd < 0)
		return;
	if (listener->port == PORT_OUTBOUND && fault("own-mark"))
		setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
	/* HBONE needs certificates and HTTP/2: here the port only answers. */
	if (listener->port == PORT_HBONE)
		close(fd);
	else
		connection_begin(listener, fd);
}

/* ENABLE_ORIG_SRC as ztunnel reads it: true, false, or unset for "if it works". */
static int set_transparent(struct listener *listener)
{
	const char *wish = getenv("ENABLE_ORIG_SRC");
	int one = 1;

	if (wish && strcmp(wish, "false") == 0)
		return 0;
	listener->transparent =
		setsockopt(listener->watcher.fd, SOL_IP, IP_TRANSPARENT, &one, sizeof(one)) == 0;
	return wish && !listener->transparent ? -1 : 0;
}

static int open_one(struct listener *listener)
{
	struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(listener->port) };
	int fd = netns_socket(listener->workload->netns, AF_INET6, SOCK_STREAM), one = 1;

	listener->watcher = (struct watcher){ .fd = fd, .ready = accept_one };
	if (fd < 0)
		return -1;
	/* ztunnel has it on none: without it, a closed :15008 connection keeps a restart off for a minute. */
	if (listener->port == PORT_HBONE)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) != 0 || listen(fd, BACKLOG) != 0)
		return -1;
	if (set_transparent(listener) != 0)
		return -1;
	loop_watch(&listener->watcher, EPOLLIN);
	return 0;
}

/* As Rust prints an I/O error, which is what ztunnel sends. */
static const char *kind(int error)
{
	switch (error) {
	case EINVAL:
		return "InvalidInput";
	case EADDRINUSE:
		return "AddrInUse";
	case EADDRNOTAVAIL:
		return "AddrNotAvailable";
	case EPERM:
	case EACCES:
		return "PermissionDenied";
	default:
		return "Uncategorized";
	}
}

static void describe(char *text, size_t size, const char *host, enum port port)
{
	int error = errno;

	snprintf(text, size, "Bind(%s:%d, Os { code: %d, kind: %s, message: \"%s\" })", host, port,
		 error, kind(error), strerror(error));
}

int listeners_open(struct workload *workload, char *text, size_t size)
{
	for (int i = 0; i < LISTENERS; i++)
		workload->listeners[i] = (struct listener){ .watcher.fd = -1,
							    .workload = workload,
							    .port = ports[i] };
	/* ztunnel's order: its resolver first. */
	if (dns_open(workload) != 0) {
		describe(text, size, "localhost", PORT_DNS);
		listeners_close(workload);
		return -1;
	}
	for (int i = 0; i < LISTENERS; i++)
		if (open_one(&workload->listeners[i]) != 0) {
			describe(text, size, "[::]", ports[i]);
			listeners_close(workload);
			return -1;
		}
	return 0;
}

void listeners_close(struct workload *workload)
{
	dns_close(workload);
	for (int i = 0; i < LISTENERS; i++)
		if (workload->listeners[i].workload)
			loop_close(&workload->listeners[i].watcher);
}
