// SPDX-License-Identifier: Apache-2.0
// until ADDR PORT [PAUSE-US]: the application in a pod that joins and leaves, measured without the start of a process.
// For each line on stdin, "steered" or "plain", it dials until a connection is established that way, and tells when:
//   {"event": WORD, "ns": CLOCK_MONOTONIC as text, "attempts": N, "refused": N}
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "address.h"
#include "line.h"

enum {
	PAUSE = 100,		/* µs between two attempts: on a small machine the agent needs the processor too */
	PATIENCE = 10,		/* seconds */
};

static unsigned long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (unsigned long long)time.tv_sec * 1000000000ull + (unsigned long long)time.tv_nsec;
}

/* 1: through ztunnel, whose connections carry a mark; 0: plain; -1: refused. */
static int dial_once(const struct sockaddr_storage *target, unsigned long long *established)
{
	int fd = socket(target->ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), mark = 0, result = -1;
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	socklen_t length = sizeof(mark);

	if (fd < 0)
		exit(1);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (connect(fd, (const struct sockaddr *)target, address_length(target)) == 0) {
		*established = now();
		getsockopt(fd, SOL_SOCKET, SO_MARK, &mark, &length);
		result = mark != 0;
	}
	close(fd);
	return result;
}

static void answer(const char *word, const struct sockaddr_storage *target, long pause_us)
{
	unsigned long long established = 0, end = now() + PATIENCE * 1000000000ull;
	int wanted = strcmp(word, "steered") == 0, result = -2;
	long long attempts = 0, refused = 0;
	char text[32] = "0";
	struct line line;

	while (result != wanted && now() < end) {
		struct timespec pause = { .tv_nsec = pause_us * 1000 };

		if (attempts > 0)
			nanosleep(&pause, NULL);
		result = dial_once(target, &established);
		attempts++;
		refused += result < 0;
	}
	if (result == wanted)
		snprintf(text, sizeof(text), "%llu", established);
	line_begin(&line);
	line_text(&line, "event", result == wanted ? word : "timeout");
	line_text(&line, "ns", text);
	line_integer(&line, "attempts", attempts);
	line_integer(&line, "refused", refused);
	line_end(&line);
}

int main(int argc, char **argv)
{
	struct sockaddr_storage target;
	char word[64];

	if (argc < 3 || argc > 4 || !address_parse(argv[1], atoi(argv[2]), &target))
		return 2;
	while (fgets(word, sizeof(word), stdin)) {
		word[strcspn(word, "\n")] = 0;
		answer(word, &target, argc > 3 ? atol(argv[3]) : PAUSE);
	}
	return 0;
}
