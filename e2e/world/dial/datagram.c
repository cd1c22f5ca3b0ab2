// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "dial.h"

static int exchange(int fd, const struct connect_options *options,
		    const struct sockaddr_storage *target, char *reply, size_t size,
		    struct sockaddr_storage *from, size_t *length, const char **stage)
{
	const char *text = options->send ? options->send : "hello";
	const struct sockaddr *to = options->connected ? NULL : (const struct sockaddr *)target;
	struct pollfd polled = { .fd = fd, .events = POLLIN };
	socklen_t from_length = sizeof(*from);
	ssize_t got;

	*stage = "connect";
	if (options->connected &&
	    connect(fd, (const struct sockaddr *)target, address_length(target)) != 0)
		return errno;
	*stage = "send";
	if (sendto(fd, text, strlen(text), 0, to, to ? address_length(target) : 0) < 0)
		return errno;
	*stage = "receive";
	if (poll(&polled, 1, options->timeout) == 0)
		return ERROR_TIMEOUT;
	got = recvfrom(fd, reply, size, 0, (struct sockaddr *)from, &from_length);
	if (got < 0)
		return errno;
	*length = (size_t)got;
	return 0;
}

int datagram_run(const struct connect_options *options)
{
	struct sockaddr_storage from = { 0 }, local, peer;
	struct attempt attempt = { 0 };
	char reply[2048];
	size_t length = 0;
	double start = now_milliseconds();
	struct line line;
	int fd = socket_make(options, &options->target[0], &attempt);

	if (fd >= 0 && options->timeout)
		attempt.error = exchange(fd, options, &options->target[0], reply, sizeof(reply),
					 &from, &length, &attempt.stage);
	line_begin(&line);
	line_flag(&line, "ok", attempt.error == 0);
	if (attempt.error) {
		line_error(&line, "errno", attempt.error);
		line_text(&line, "stage", attempt.stage);
	}
	line_milliseconds(&line, "ms", now_milliseconds() - start);
	if (fd >= 0) {
		address_local(fd, &local);
		address_peer(fd, &peer);
		line_address(&line, "local", &local);
		line_address(&line, "peer", &peer);
		line_address(&line, "from", &from);
		line_bytes(&line, "data", reply, length);
		close(fd);
	}
	line_end(&line);
	return attempt.error != 0;
}
