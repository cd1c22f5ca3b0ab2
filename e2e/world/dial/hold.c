// SPDX-License-Identifier: Apache-2.0
// An established connection, kept: a line each 100 ms, until it breaks or SIGTERM comes. Tells what is echoed.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "dial.h"

enum {
	TICK = 100, /* ms */
};

static volatile sig_atomic_t told_to_stop;

static void stop(int signal)
{
	(void)signal;
	told_to_stop = 1;
}

/* 0, an errno, or EPIPE for the peer's FIN. Counts the lines that came back. */
static int drain(int fd, long long *echoed)
{
	long long before = *echoed;
	struct line line;
	char data[4096];
	ssize_t got;
	int error;

	while ((got = recv(fd, data, sizeof(data), MSG_DONTWAIT)) > 0)
		for (ssize_t i = 0; i < got; i++)
			*echoed += data[i] == '\n';
	error = errno;
	if (*echoed > before) {
		line_begin(&line);
		line_text(&line, "event", "echo");
		line_integer(&line, "echoed", *echoed);
		line_end(&line);
	}
	if (got == 0)
		return EPIPE;
	return error == EAGAIN ? 0 : error;
}

void hold_connection(int fd)
{
	struct sigaction action = { .sa_handler = stop };
	double start = now_milliseconds(), next = start;
	long long sent = 0, echoed = 0;
	struct line line;
	int error = 0;

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	while (!error && !told_to_stop) {
		struct pollfd polled = { .fd = fd, .events = POLLIN };
		double left = next - now_milliseconds();

		if (left > 0 && poll(&polled, 1, (int)left + 1) != 0) {
			error = told_to_stop ? 0 : drain(fd, &echoed);
		} else if (left <= 0) {
			char text[32];
			int length = snprintf(text, sizeof(text), "tick %lld\n", sent);

			next += TICK;
			if (send(fd, text, (size_t)length, MSG_DONTWAIT) == length)
				sent++;
			else if (errno != EAGAIN)
				error = errno;
		}
	}
	line_begin(&line);
	line_text(&line, "event", error ? "broken" : "held");
	if (error)
		line_text(&line, "errno", error == EPIPE ? "eof" : error_name(error));
	line_integer(&line, "sent", sent);
	line_integer(&line, "echoed", echoed);
	line_milliseconds(&line, "ms", now_milliseconds() - start);
	line_end(&line);
}
