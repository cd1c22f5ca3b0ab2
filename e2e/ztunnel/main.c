// SPDX-License-Identifier: Apache-2.0
// A stand-in for ztunnel: the same ZDS, the same sockets in the pods, plain bytes instead of HBONE.
// INPOD_UDS=PATH ztunnel. Tells each event as one JSON line on stdout. SIGTERM and SIGINT end it at once.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent.h"
#include "fault.h"
#include "line.h"
#include "loop.h"
#include "netns.h"

static struct watcher signals;

bool fault(const char *name)
{
	const char *chosen = getenv("STAND_IN_FAULT");

	return chosen && strcmp(chosen, name) == 0;
}

static void stop(struct watcher *watcher, uint32_t events)
{
	struct line line;

	(void)watcher;
	(void)events;
	line_begin(&line);
	line_text(&line, "event", "stopped-by-signal");
	line_end(&line);
	exit(0);
}

static void watch_signals(void)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = (struct watcher){ .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
				    .ready = stop };
	loop_watch(&signals, EPOLLIN);
}

int main(void)
{
	const char *path = getenv("INPOD_UDS");
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	netns_remember_own();
	watch_signals();
	agent_follow(path ? path : "/var/run/ztunnel/ztunnel.sock");
	loop_run();
}
