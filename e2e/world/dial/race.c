// SPDX-License-Identifier: Apache-2.0
// One thread binds sockets to a device while another connects them.
#define _GNU_SOURCE
#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dial.h"

enum {
	DELAYS = 4096,	/* turns of a loop: the connect falls now before, now into, now behind the other call */
};

static const char *device;
/* The socket whose turn it is; the binder puts -1 when it is done with it. */
static atomic_int turn = -1;
static atomic_int refused;

static void *binder(void *unused)
{
	(void)unused;
	for (;;) {
		int fd = atomic_load(&turn);

		if (fd < 0) {
			sched_yield();
			continue;
		}
		if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, strlen(device)) != 0 && errno == EPERM)
			atomic_fetch_add(&refused, 1);
		atomic_store(&turn, -1);
	}
	return NULL;
}

/* Whether the socket has the device although it has connected, or does. */
static bool race(const struct sockaddr_storage *target, int delay)
{
	struct linger reset = { .l_onoff = 1 };
	char bound[IF_NAMESIZE] = "";
	socklen_t length = sizeof(bound);
	int fd = socket(target->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	bool connected;

	if (fd < 0)
		fail("socket");
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	atomic_store(&turn, fd);
	for (volatile int i = 0; i < delay; i++)
		;
	connected = connect(fd, (const struct sockaddr *)target, address_length(target)) == 0 ||
		    errno == EINPROGRESS;
	while (atomic_load(&turn) >= 0)
		sched_yield();
	if (getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, bound, &length) != 0)
		fail("getsockopt");
	close(fd);
	return connected && bound[0];
}

int command_race(int argc, char **argv)
{
	struct sockaddr_storage target;
	pthread_t thread;
	struct line line;
	long rounds, won = 0;

	if (argc != 4 || !address_parse(argv[0], (int)number(argv[1], 1, 65535), &target))
		usage("race needs ADDR PORT DEVICE ROUNDS", NULL);
	device = argv[2];
	rounds = number(argv[3], 1, 100 * 1000 * 1000);
	if ((errno = pthread_create(&thread, NULL, binder, NULL)) != 0)
		fail("thread");
	for (long round = 0; round < rounds; round++)
		won += race(&target, (int)(round % DELAYS));
	line_begin(&line);
	line_flag(&line, "ok", true);
	line_integer(&line, "won", won);
	line_integer(&line, "refused", atomic_load(&refused));
	line_end(&line);
	return 0;
}
