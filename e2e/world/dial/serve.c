// SPDX-License-Identifier: Apache-2.0
// The server of a pod: tells what it sees of each connection, on stdout and to the client.
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "dial.h"

struct serve_options {
	struct sockaddr_storage bind;
	const char *name;
	bool once, reuseport, echo, udp, quiet;
	int mark;
};

static volatile sig_atomic_t told_to_stop;

static void stop(int signal)
{
	(void)signal;
	told_to_stop = 1;
}

static void parse(int argc, char **argv, struct serve_options *options)
{
	int port;

	memset(options, 0, sizeof(*options));
	options->name = "-";
	if (argc < 1)
		usage("serve needs PORT", NULL);
	port = (int)number(argv[0], 1, 65535);
	address_parse("::", port, &options->bind);
	for (int i = 1; i < argc; i++) {
		const char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(argv[i], "--once") == 0)
			options->once = true;
		else if (strcmp(argv[i], "--reuseport") == 0)
			options->reuseport = true;
		else if (strcmp(argv[i], "--echo") == 0)
			options->echo = true;
		else if (strcmp(argv[i], "--udp") == 0)
			options->udp = true;
		else if (strcmp(argv[i], "--quiet") == 0)
			options->quiet = true;
		else if (strcmp(argv[i], "--name") == 0 && value)
			options->name = argv[++i];
		else if (strcmp(argv[i], "--mark") == 0 && value)
			options->mark = (int)number(argv[++i], 0, 0x7fffffff);
		else if (strcmp(argv[i], "--bind") != 0 || !value)
			usage("no such option, or its value is missing", argv[i]);
		else if (!address_parse(argv[++i], port, &options->bind))
			usage("not an address", argv[i]);
	}
}

static int open_listener(const struct serve_options *options)
{
	int one = 1, zero = 0;
	int fd =
		socket(options->bind.ss_family,
		       (options->udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		fail("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (options->bind.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (options->reuseport && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) != 0)
		fail("SO_REUSEPORT");
	if (options->mark &&
	    setsockopt(fd, SOL_SOCKET, SO_MARK, &options->mark, sizeof(options->mark)) != 0)
		fail("SO_MARK");
	if (bind(fd, (const struct sockaddr *)&options->bind, address_length(&options->bind)) != 0)
		fail("bind");
	if (!options->udp && listen(fd, 4096) != 0)
		fail("listen");
	return fd;
}

static void print_seen(const char *event, const struct sockaddr_storage *peer,
		       const struct sockaddr_storage *local)
{
	struct line line;

	line_begin(&line);
	line_text(&line, "event", event);
	line_address(&line, "peer", peer);
	line_address(&line, "local", local);
	line_integer(&line, "at", epoch_milliseconds());
	line_end(&line);
}

static int greeting(char *text, size_t size, const struct serve_options *options,
		    const struct sockaddr_storage *peer, const struct sockaddr_storage *local)
{
	char from[ADDRESS_TEXT], to[ADDRESS_TEXT];

	address_format(peer, from);
	address_format(local, to);
	return snprintf(text, size, "hello peer=%s local=%s pod=%s\n", from, to, options->name);
}

static void answer_datagrams(int fd, const struct serve_options *options)
{
	struct sockaddr_storage peer, local;
	socklen_t length = sizeof(peer);
	char data[2048], text[512];
	int size;

	while (recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&peer, &length) >= 0) {
		struct sockaddr_storage shown = peer;

		address_local(fd, &local);
		address_canonicalise(&shown);
		if (!options->quiet)
			print_seen("datagram", &shown, &local);
		size = greeting(text, sizeof(text), options, &shown, &local);
		sendto(fd, text, (size_t)size, 0, (struct sockaddr *)&peer, length);
		length = sizeof(peer);
	}
}

static long long accept_all(int listener, int epoll, const struct serve_options *options)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP };
	struct sockaddr_storage peer, local;
	socklen_t length = sizeof(peer);
	long long accepted = 0;
	char text[512];
	int fd, one = 1;

	while ((fd = accept4(listener, (struct sockaddr *)&peer, &length,
			     SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
		accepted++;
		length = sizeof(peer);
		address_local(fd, &local);
		address_canonicalise(&peer);
		address_canonicalise(&local);
		if (!options->quiet)
			print_seen("connection", &peer, &local);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		send(fd, text, (size_t)greeting(text, sizeof(text), options, &peer, &local), 0);
		event.data.fd = fd;
		epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
	}
	return accepted;
}

/* False: the connection has ended and is closed. */
static bool read_connection(int fd, const struct serve_options *options)
{
	char data[65536];
	ssize_t got;

	while ((got = recv(fd, data, sizeof(data), 0)) > 0)
		if (options->echo)
			send(fd, data, (size_t)got, 0);
	if (got < 0 && errno == EAGAIN)
		return true;
	close(fd);
	return false;
}

static long long run(int listener, const struct serve_options *options)
{
	struct epoll_event events[64], event = { .events = EPOLLIN, .data.fd = listener };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	long long accepted = 0, ended = 0;

	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
	while (!told_to_stop && !(options->once && ended > 0)) {
		int ready = epoll_wait(epoll, events, 64, -1);

		for (int i = 0; i < ready; i++) {
			if (events[i].data.fd != listener)
				ended += !read_connection(events[i].data.fd, options);
			else if (options->udp)
				answer_datagrams(listener, options);
			else
				accepted += accept_all(listener, epoll, options);
		}
	}
	return accepted;
}

int command_serve(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = stop };
	struct serve_options options;
	long long accepted;
	struct line line;
	int listener;

	parse(argc, argv, &options);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	listener = open_listener(&options);
	line_begin(&line);
	line_text(&line, "event", "listening");
	line_address(&line, "local", &options.bind);
	line_end(&line);
	accepted = run(listener, &options);
	line_begin(&line);
	line_text(&line, "event", "served");
	line_integer(&line, "connections", accepted);
	line_end(&line);
	return 0;
}
