// SPDX-License-Identifier: Apache-2.0
// Many connections one after the other, told in one line: how many, which errors, how long. SIGTERM ends them
// between two.
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dial.h"

enum {
	ERRORS = 200, /* errno values on Linux, and TIMEOUT at 0 */
};

struct tally {
	int tried, connected, greeted;
	int errors[ERRORS];
	double *milliseconds; /* of those that connected */
};

static void try_one(const struct connect_options *options, int number, struct tally *tally)
{
	const struct sockaddr_storage *target = &options->target[number % options->targets];
	struct linger now = { .l_onoff = 1, .l_linger = 0 };
	struct attempt attempt = { 0 };
	int fd = socket_make(options, target, &attempt);
	char data[512];
	size_t length;

	if (fd >= 0)
		socket_connect(fd, options, target, &attempt, NULL);
	if (attempt.error != 0) {
		tally->errors[attempt.error == ERROR_TIMEOUT ? 0 : attempt.error % ERRORS]++;
	} else {
		tally->milliseconds[tally->connected++] = attempt.milliseconds;
		if (!options->no_data &&
		    strcmp(first_data(fd, options->timeout, data, sizeof(data), &length), "line") ==
			    0)
			tally->greeted++;
	}
	if (fd < 0)
		return;
	if (options->reset)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static void print_tally(struct tally *tally, double took)
{
	int n = tally->connected;
	struct line line;

	line_begin(&line);
	line_flag(&line, "ok", n == tally->tried);
	line_integer(&line, "count", tally->tried);
	line_integer(&line, "connected", n);
	line_integer(&line, "greeted", tally->greeted);
	line_object_begin(&line, "errors");
	for (int i = 0; i < ERRORS; i++)
		if (tally->errors[i])
			line_integer(&line, error_name(i ? i : ERROR_TIMEOUT), tally->errors[i]);
	line_object_end(&line);
	line_milliseconds(&line, "ms", took);
	if (n > 0) {
		qsort(tally->milliseconds, (size_t)n, sizeof(double), compare);
		line_milliseconds(&line, "p50", tally->milliseconds[n / 2]);
		line_milliseconds(&line, "p99", tally->milliseconds[(int)(n * 0.99)]);
		line_milliseconds(&line, "min", tally->milliseconds[0]);
		line_milliseconds(&line, "max", tally->milliseconds[n - 1]);
	}
	line_end(&line);
}

static bool told_to_stop(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 && sigismember(&pending, SIGTERM);
}

int connect_many(const struct connect_options *options)
{
	struct tally tally = { .milliseconds = calloc((size_t)options->count, sizeof(double)) };
	double start = now_milliseconds();
	sigset_t ending;

	if (!tally.milliseconds)
		fail("calloc");
	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigprocmask(SIG_BLOCK, &ending, NULL);
	while (tally.tried < options->count && !told_to_stop()) {
		if (tally.tried > 0 && options->interval)
			usleep((unsigned)options->interval * 1000);
		try_one(options, tally.tried++, &tally);
	}
	print_tally(&tally, now_milliseconds() - start);
	free(tally.milliseconds);
	return tally.connected != tally.tried;
}
