// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int own = -1;

void netns_remember_own(void)
{
	own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (own < 0 || setns(own, CLONE_NEWNET) != 0) {
		perror("ztunnel: cannot enter network namespaces (CAP_SYS_ADMIN is needed)");
		exit(1);
	}
}

int netns_socket(int netns, int family, int type)
{
	int mark = PACKET_MARK, error, fd;

	if (setns(netns, CLONE_NEWNET) != 0)
		return -1;
	fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	error = errno;
	if (setns(own, CLONE_NEWNET) != 0)
		abort();
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) != 0) {
		error = errno;
		close(fd);
		fd = -1;
	}
	errno = error;
	return fd;
}
