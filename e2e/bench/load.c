// SPDX-License-Identifier: Apache-2.0
// Traffic and its figures, each taken over MS milliseconds; one JSON line.
//   load serve PORT                       answers all of the others, over TCP and UDP
//   load roundtrip ADDR PORT MS BYTES     one connection, one message at a time: {count, p50, p99}, microseconds
//   load datagrams ADDR PORT MS BYTES     the same by sendto() and recvfrom() on an unconnected socket
//   load stream ADDR PORT MS              as much as goes through: {bytes, ms}, until the reader has read all of it
//   load dials ADDR PORT MS               connections one after the other, each with a byte there and back: {count, ms}
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "line.h"
#include "load.h"

enum {
	MOST = 4 << 20, /* round trips that are kept */
	WARM_UP = 100,
};

static struct sockaddr_storage server;
static char block[BLOCK];

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int dial(char kind)
{
	int one = 1, fd = socket(server.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&server, address_length(&server)) != 0)
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (write(fd, &kind, 1) != 1)
		die("write");
	return fd;
}

static void exchange(int fd, size_t length)
{
	if (write(fd, block, length) != (ssize_t)length)
		die("write");
	for (size_t got = 0; got < length;) {
		ssize_t more = read(fd, block, length - got);

		if (more <= 0)
			die(more == 0 ? "the server closed" : "read");
		got += (size_t)more;
	}
}

static void exchange_datagram(int fd, size_t length)
{
	if (sendto(fd, block, length, 0, (struct sockaddr *)&server, address_length(&server)) < 0)
		die("sendto");
	if (recvfrom(fd, block, sizeof(block), 0, NULL, NULL) != (ssize_t)length)
		die("recvfrom");
}

static int by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static void round_trips(int fd, void (*once)(int, size_t), size_t length, double duration)
{
	float *times = malloc(MOST * sizeof(*times));
	size_t count = 0;
	struct line line;
	double end;

	if (!times)
		die("malloc");
	for (int i = 0; i < WARM_UP; i++)
		once(fd, length);
	end = now_milliseconds() + duration;
	for (double now = now_milliseconds(); now < end && count < MOST;) {
		double before = now;

		once(fd, length);
		now = now_milliseconds();
		times[count++] = (float)((now - before) * 1000);
	}
	qsort(times, count, sizeof(*times), by_size);
	line_begin(&line);
	line_integer(&line, "count", (long long)count);
	line_milliseconds(&line, "p50", times[count / 2]);
	line_milliseconds(&line, "p99", times[count * 99 / 100]);
	line_end(&line);
}

static void stream(double duration)
{
	int fd = dial(SINK);
	double start = now_milliseconds();
	unsigned long long sent = 0, read_there = 0;
	struct line line;
	FILE *answer;

	while (now_milliseconds() - start < duration) {
		ssize_t done = write(fd, block, sizeof(block));

		if (done < 0)
			die("write");
		sent += (unsigned long long)done;
	}
	shutdown(fd, SHUT_WR);
	answer = fdopen(fd, "r");
	if (!answer || fscanf(answer, "%llu", &read_there) != 1 || read_there != sent)
		die("the reader has not read all of it");
	line_begin(&line);
	line_integer(&line, "bytes", (long long)read_there);
	line_milliseconds(&line, "ms", now_milliseconds() - start);
	line_end(&line);
}

static void dials(double duration)
{
	struct linger reset = { .l_onoff = 1 };
	double start = now_milliseconds();
	long long count = 0;
	struct line line;

	while (now_milliseconds() - start < duration) {
		int fd = dial(ECHO);

		exchange(fd, 1);
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
		count++;
	}
	line_begin(&line);
	line_integer(&line, "count", count);
	line_milliseconds(&line, "ms", now_milliseconds() - start);
	line_end(&line);
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";
	double duration = argc > 4 ? atof(argv[4]) : 0;
	size_t length = argc > 5 ? (size_t)atol(argv[5]) : 0;

	signal(SIGPIPE, SIG_IGN);
	if (strcmp(command, "serve") == 0 && argc == 3)
		return serve(atoi(argv[2]));
	if (argc < 5 || length > sizeof(block) || !address_parse(argv[2], atoi(argv[3]), &server))
		return 2;
	if (strcmp(command, "roundtrip") == 0 && length > 0)
		round_trips(dial(ECHO), exchange, length, duration);
	else if (strcmp(command, "datagrams") == 0 && length > 0)
		round_trips(socket(server.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), exchange_datagram, length,
			    duration);
	else if (strcmp(command, "stream") == 0)
		stream(duration);
	else if (strcmp(command, "dials") == 0)
		dials(duration);
	else
		return 2;
	return 0;
}
