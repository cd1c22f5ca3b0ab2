// SPDX-License-Identifier: Apache-2.0
// Into a pod: its cgroup first, so that every hook sees the process as the pod's, then its network namespace.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dial.h"

static void make_directories(const char *path)
{
	char part[4096];

	if (strlen(path) >= sizeof(part))
		usage("too long a path", path);
	strcpy(part, path);
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(part, 0755);
		*slash = '/';
	}
	if (mkdir(path, 0755) != 0 && errno != EEXIST)
		fail("mkdir");
}

void enter(const char *cgroup, const char *netns, bool make)
{
	bool join = strcmp(cgroup, "-") != 0, move = strcmp(netns, "-") != 0;
	char path[4096];
	int procs = -1, namespace = -1;

	/* Everything that can be done before is done before: a test measures what happens afterwards. */
	if (move) {
		snprintf(path, sizeof(path), "/var/run/netns/%s", netns);
		namespace = open(path, O_RDONLY | O_CLOEXEC);
		if (namespace < 0)
			fail("netns");
	}
	if (join) {
		if (make)
			make_directories(cgroup);
		snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup);
		procs = open(path, O_WRONLY | O_CLOEXEC);
		if (procs < 0 || write(procs, "0", 1) != 1)
			fail("cgroup.procs");
		close(procs);
	}
	if (move) {
		if (setns(namespace, CLONE_NEWNET) != 0)
			fail("setns");
		close(namespace);
	}
}

static int separator(int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], "--") == 0)
			return i;
	usage("-- is missing", NULL);
}

int command_enter(int argc, char **argv)
{
	bool make = false, first = false;
	int i = 0, end = separator(argc, argv);

	for (; i < end && argv[i][0] == '-' && argv[i][1] == '-'; i++) {
		if (strcmp(argv[i], "--make") == 0)
			make = true;
		else if (strcmp(argv[i], "--first") == 0)
			first = true;
		else
			usage("no such option", argv[i]);
	}
	if (end - i != 2 || end + 1 >= argc)
		usage("enter needs CGROUP NETNS -- COMMAND", NULL);
	enter(argv[i], argv[i + 1], make);
	/* --first: a command of ours in this very process, so that its connect() follows at once. */
	if (first)
		return dial(argc - end - 1, argv + end + 1);
	execvp(argv[end + 1], argv + end + 1);
	fail("exec");
}

/* A socket made here, used by a child that has gone into a pod. */
int command_inherit(int argc, char **argv)
{
	struct connect_options options;
	struct attempt attempt;
	int status, end = separator(argc, argv);
	pid_t child;

	if (end != 2)
		usage("inherit needs CGROUP NETNS -- ADDR PORT", NULL);
	connect_parse(argc - 3, argv + 3, &options);
	options.fd = socket_make(&options, &options.target[0], &attempt);
	if (options.fd < 0)
		fail(attempt.stage);
	child = fork();
	if (child < 0)
		fail("fork");
	if (child == 0) {
		enter(argv[0], argv[1], false);
		_exit(connect_run(&options));
	}
	close(options.fd);
	waitpid(child, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* The process that keeps a pod's cgroup and network namespace alive, as a sandbox's does. */
int command_pause(int argc, char **argv)
{
	sigset_t signals;
	struct line line;
	int signal;

	(void)argc;
	(void)argv;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	line_begin(&line);
	line_text(&line, "event", "paused");
	line_integer(&line, "pid", getpid());
	line_integer(&line, "at", epoch_milliseconds());
	line_end(&line);
	sigwait(&signals, &signal);
	return 0;
}
