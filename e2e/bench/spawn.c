// SPDX-License-Identifier: Apache-2.0
// spawn: for each line "CGROUP NETNS" on stdin a process that waits, born in that cgroup and network namespace as a
// container runtime's is (CLONE_INTO_CGROUP, Linux 5.7). To move one there would wait for a grace period of RCU.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "line.h"

static int opened(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	perror(path);
	exit(1);
}

static long born_in(int cgroup)
{
	struct clone_args arguments = {
		.flags = CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (unsigned)cgroup,
	};
	long child = syscall(SYS_clone3, &arguments, sizeof(arguments));

	if (child == 0)
		for (;;)
			pause();
	return child;
}

int main(void)
{
	char text[8192], cgroup[4096], netns[256], path[512];

	signal(SIGCHLD, SIG_IGN);
	while (fgets(text, sizeof(text), stdin)) {
		struct line line;
		int namespace, directory;
		long child;

		if (sscanf(text, "%4095s %255s", cgroup, netns) != 2)
			return 2;
		snprintf(path, sizeof(path), "/var/run/netns/%s", netns);
		namespace = opened(path, O_RDONLY);
		directory = opened(cgroup, O_RDONLY | O_DIRECTORY);
		if (setns(namespace, CLONE_NEWNET) != 0 || (child = born_in(directory)) < 0) {
			perror("spawn");
			return 1;
		}
		close(namespace);
		close(directory);
		line_begin(&line);
		line_text(&line, "event", "spawned");
		line_integer(&line, "pid", child);
		line_end(&line);
	}
	return 0;
}
