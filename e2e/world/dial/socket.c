// SPDX-License-Identifier: Apache-2.0
// A socket with everything that is set before connect(), and the ways to connect it.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "dial.h"

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef IPV6_UNICAST_IF
#define IPV6_UNICAST_IF 76
#endif

enum {
	OPTION_BYTES = 64,
};

/* Protocols of AF_SMC. */
enum {
	SMC_IPV4 = 0,
	SMC_IPV6 = 1,
};

bool socket_option_parse(const char *text, struct socket_option *option)
{
	static const struct {
		const char *name;
		int option;
	} names[] = {
		{ "SO_BINDTODEVICE:", SO_BINDTODEVICE },
		{ "SO_BINDTOIFINDEX:", SO_BINDTOIFINDEX },
		{ "SO_MARK:", SO_MARK },
		{ "SO_DONTROUTE:", SO_DONTROUTE },
	};
	char *end;

	option->text = text;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t length = strlen(names[i].name);

		if (strncmp(text, names[i].name, length) == 0) {
			option->level = SOL_SOCKET;
			option->option = names[i].option;
			option->value = text + length;
			return true;
		}
	}
	option->level = (int)strtol(text, &end, 0);
	if (*end++ != ':')
		return false;
	option->option = (int)strtol(end, &end, 0);
	if (*end++ != ':')
		return false;
	option->value = end;
	return true;
}

/* -1: not hexadecimal, or too long. */
static int parse_bytes(const char *text, unsigned char bytes[OPTION_BYTES])
{
	int size = 0;

	for (; *text; text += 2, size++)
		if (size == OPTION_BYTES || sscanf(text, "%2hhx", &bytes[size]) != 1 || !text[1])
			return -1;
	return size;
}

bool socket_set(int fd, const struct socket_option *option)
{
	const char *text = option->value;
	unsigned char bytes[OPTION_BYTES];
	char *end;
	int value;

	if (strncmp(text, "hex=", 4) == 0) {
		int size = parse_bytes(text + 4, bytes);

		if (size < 0)
			usage("not bytes", text);
		return setsockopt(fd, option->level, option->option, bytes, (socklen_t)size) == 0;
	}
	if (text[0] == '%') {
		value = (int)if_nametoindex(text + 1);
		return setsockopt(fd, option->level, option->option, &value, sizeof(value)) == 0;
	}
	value = (int)strtoul(text, &end, 0);
	if (*text && !*end)
		return setsockopt(fd, option->level, option->option, &value, sizeof(value)) == 0;
	return setsockopt(fd, option->level, option->option, text, (socklen_t)strlen(text)) == 0;
}

static bool prepare(int fd, const struct connect_options *options, int family)
{
	struct timeval patience = { options->timeout / 1000, options->timeout % 1000 * 1000 };
	int one = 1;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) != 0)
		return false;
	if (options->device && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, options->device,
					  (socklen_t)strlen(options->device)) != 0)
		return false;
	if (options->dontroute && setsockopt(fd, SOL_SOCKET, SO_DONTROUTE, &one, sizeof(one)) != 0)
		return false;
	if (options->unicast_device) {
		int index = (int)htonl(if_nametoindex(options->unicast_device));
		int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
		int name = family == AF_INET ? IP_UNICAST_IF : IPV6_UNICAST_IF;

		if (setsockopt(fd, level, name, &index, sizeof(index)) != 0)
			return false;
	}
	for (int i = 0; i < options->befores; i++)
		if (!socket_set(fd, &options->before[i]))
			return false;
	return true;
}

int socket_make(const struct connect_options *options, const struct sockaddr_storage *target,
		struct attempt *attempt)
{
	int family = target->ss_family, fd = options->fd;
	int type = (options->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC;

	attempt->stage = "socket";
	if (fd < 0)
		fd = options->smc ? socket(AF_SMC, type, family == AF_INET6 ? SMC_IPV6 : SMC_IPV4) :
				    socket(family, type, options->mptcp ? IPPROTO_MPTCP : 0);
	if (fd < 0)
		goto failed;
	attempt->stage = "setsockopt";
	if (!prepare(fd, options, family))
		goto failed;
	attempt->stage = "bind";
	if (options->bind.ss_family &&
	    bind(fd, (const struct sockaddr *)&options->bind, address_length(&options->bind)) != 0)
		goto failed;
	attempt->error = 0;
	return fd;
failed:
	attempt->error = errno;
	if (fd >= 0 && options->fd < 0)
		close(fd);
	return -1;
}

static int wait_connected(int fd, int timeout)
{
	struct pollfd polled = { .fd = fd, .events = POLLOUT };
	socklen_t length = sizeof(int);
	int error = 0;

	if (poll(&polled, 1, timeout) == 0)
		return ERROR_TIMEOUT;
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
	return error;
}

static int connect_plain(int fd, const struct connect_options *options,
			 const struct sockaddr_storage *target, int after[SOCKET_OPTIONS])
{
	int flags = fcntl(fd, F_GETFL), error = 0;
	bool patient = options->manner != MANNER_NONBLOCKING;

	fcntl(fd, F_SETFL, patient ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
	if (connect(fd, (const struct sockaddr *)target, address_length(target)) != 0)
		error = errno;
	/* A blocking connect() whose SO_SNDTIMEO is over says EINPROGRESS too. */
	if (error == EINPROGRESS && patient)
		return ERROR_TIMEOUT;
	for (int i = 0; after && i < options->afters; i++)
		after[i] = socket_set(fd, &options->after[i]) ? 0 : errno;
	if (error == EINPROGRESS)
		error = wait_connected(fd, options->timeout);
	fcntl(fd, F_SETFL, flags);
	return error;
}

static int connect_fastopen(int fd, const struct connect_options *options,
			    const struct sockaddr_storage *target)
{
	const char *text = options->send ? options->send : "GET";

	if (sendto(fd, text, strlen(text), MSG_FASTOPEN, (const struct sockaddr *)target,
		   address_length(target)) >= 0)
		return wait_connected(fd, options->timeout);
	return errno == EINPROGRESS ? ERROR_TIMEOUT : errno;
}

void socket_connect(int fd, const struct connect_options *options,
		    const struct sockaddr_storage *target, struct attempt *attempt,
		    int after[SOCKET_OPTIONS])
{
	double start = now_milliseconds();

	attempt->stage = "connect";
	if (options->manner == MANNER_FASTOPEN)
		attempt->error = connect_fastopen(fd, options, target);
	else if (options->manner >= MANNER_URING)
		attempt->error = uring_connect(fd, options->manner, target, options->timeout);
	else
		attempt->error = connect_plain(fd, options, target, after);
	attempt->milliseconds = now_milliseconds() - start;
}
