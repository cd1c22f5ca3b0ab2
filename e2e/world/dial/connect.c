// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dial.h"

const char *first_data(int fd, int timeout, char *data, size_t size, size_t *length)
{
	double end = now_milliseconds() + timeout;
	char *end_of_line;

	*length = 0;
	while (*length < size) {
		struct pollfd polled = { .fd = fd, .events = POLLIN };
		double left = end - now_milliseconds();
		ssize_t got;

		if (left <= 0 || poll(&polled, 1, (int)left + 1) == 0)
			return error_name(ERROR_TIMEOUT);
		got = recv(fd, data + *length, size - *length, 0);
		if (got < 0)
			return error_name(errno);
		if (got == 0)
			return "eof";
		*length += (size_t)got;
		end_of_line = memchr(data, '\n', *length);
		if (end_of_line) {
			*length = (size_t)(end_of_line - data);
			return "line";
		}
	}
	return "full";
}

static void print_after(struct line *line, const struct connect_options *options,
			const int after[SOCKET_OPTIONS])
{
	if (options->afters == 0)
		return;
	line_array_begin(line, "after");
	for (int i = 0; i < options->afters; i++) {
		line_element_begin(line);
		line_text(line, "option", options->after[i].text);
		line_flag(line, "ok", after[i] == 0);
		if (after[i] != 0)
			line_error(line, "errno", after[i]);
		line_object_end(line);
	}
	line_array_end(line);
}

static void wait_for_line(int fd)
{
	struct line line;
	char c;

	line_begin(&line);
	line_text(&line, "event", "waiting");
	line_integer(&line, "pid", getpid());
	line_integer(&line, "fd", fd);
	line_end(&line);
	while (read(STDIN_FILENO, &c, 1) == 1 && c != '\n')
		;
}

static void print_attempt(int fd, const struct connect_options *options,
			  const struct attempt *attempt, const int after[SOCKET_OPTIONS])
{
	struct sockaddr_storage local, peer;
	char data[4096];
	size_t length;
	struct line line;

	line_begin(&line);
	line_flag(&line, "ok", attempt->error == 0);
	if (attempt->error != 0) {
		line_error(&line, "errno", attempt->error);
		line_text(&line, "stage", attempt->stage);
	}
	line_milliseconds(&line, "ms", attempt->milliseconds);
	line_integer(&line, "at", attempt->began);
	if (fd >= 0) {
		address_local(fd, &local);
		address_peer(fd, &peer);
		line_address(&line, "local", &local);
		line_address(&line, "peer", &peer);
		print_after(&line, options, after);
	}
	if (attempt->error == 0 && options->wait_send)
		wait_for_line(fd);
	if (attempt->error == 0 && options->send && options->manner != MANNER_FASTOPEN &&
	    send(fd, options->send, strlen(options->send), 0) < 0)
		line_error(&line, "sendErrno", errno);
	if (attempt->error == 0 && !options->no_data) {
		const char *ended = first_data(fd, options->timeout, data, sizeof(data), &length);

		line_bytes(&line, "data", data, length);
		line_text(&line, "ended", ended);
	}
	line_end(&line);
}

static void close_socket(int fd, bool reset)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (reset)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

/* On the same socket: after connect(AF_UNSPEC), or straight after a failure. --wait-line waits here too. */
static void connect_again(int fd, const struct connect_options *options)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int after[SOCKET_OPTIONS] = { 0 };
	struct attempt attempt = { 0 };

	if (options->wait_line)
		wait_for_line(fd);
	attempt.began = epoch_milliseconds();
	if (!options->again_after_failure && connect(fd, &none, sizeof(none)) != 0)
		fail("connect(AF_UNSPEC)");
	socket_connect(fd, options, &options->again, &attempt, after);
	print_attempt(fd, options, &attempt, after);
}

static int connect_one(const struct connect_options *options, const struct sockaddr_storage *target)
{
	int after[SOCKET_OPTIONS] = { 0 };
	struct attempt attempt = { 0 };
	int fd = socket_make(options, target, &attempt);

	if (fd >= 0) {
		if (options->wait_line)
			wait_for_line(fd);
		attempt.began = epoch_milliseconds();
		socket_connect(fd, options, target, &attempt, after);
	}
	print_attempt(fd, options, &attempt, after);
	if (fd < 0)
		return 1;
	if (options->again.ss_family)
		connect_again(fd, options);
	if (options->hold && attempt.error == 0)
		hold_connection(fd);
	close_socket(fd, options->reset);
	return attempt.error != 0;
}

/* The network namespace's own range, as a pod's securityContext would set it. */
static void set_local_ports(const char *range)
{
	int low, high, fd;

	if (sscanf(range, "%d-%d", &low, &high) != 2)
		usage("not a range of ports", range);
	fd = open("/proc/sys/net/ipv4/ip_local_port_range", O_WRONLY | O_CLOEXEC);
	if (fd < 0 || dprintf(fd, "%d %d", low, high) < 0)
		fail("ip_local_port_range");
	close(fd);
}

int connect_run(const struct connect_options *options)
{
	int failed = 0;

	if (options->local_ports)
		set_local_ports(options->local_ports);
	if (options->udp)
		return datagram_run(options);
	if (options->count > 1 && !options->each)
		return connect_many(options);
	for (int i = 0; i < options->count; i++) {
		int error;

		if (i > 0)
			usleep((unsigned)options->interval * 1000);
		error = connect_one(options, &options->target[i % options->targets]);
		if (options->until_connected && !error)
			return 0;
		failed |= error;
	}
	return failed;
}

int command_connect(int argc, char **argv)
{
	struct connect_options options;

	connect_parse(argc, argv, &options);
	return connect_run(&options);
}
