// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "loop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "line.h"

static int epoll = -1;
static struct timer *timers; /* soonest first */

static int loop_fd(void)
{
	if (epoll < 0)
		epoll = epoll_create1(EPOLL_CLOEXEC);
	return epoll;
}

void loop_watch(struct watcher *watcher, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watcher };

	if (watcher->events == events)
		return;
	/* A watcher that waits for nothing leaves the set, or EPOLLHUP would be told again and again. */
	if (events == 0)
		epoll_ctl(loop_fd(), EPOLL_CTL_DEL, watcher->fd, NULL);
	else if (epoll_ctl(loop_fd(), watcher->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, watcher->fd,
			   &event) != 0)
		perror("epoll_ctl");
	watcher->events = events;
}

void loop_close(struct watcher *watcher)
{
	if (watcher->fd >= 0) {
		loop_watch(watcher, 0);
		close(watcher->fd);
	}
	watcher->fd = -1;
}

void timer_clear(struct timer *timer)
{
	for (struct timer **link = &timers; *link; link = &(*link)->next)
		if (*link == timer) {
			*link = timer->next;
			break;
		}
	timer->at = 0;
}

void timer_set(struct timer *timer, double milliseconds)
{
	struct timer **link = &timers;

	timer_clear(timer);
	timer->at = now_milliseconds() + milliseconds;
	while (*link && (*link)->at <= timer->at)
		link = &(*link)->next;
	timer->next = *link;
	*link = timer;
}

static int patience(void)
{
	double left;

	if (!timers)
		return -1;
	left = timers->at - now_milliseconds();
	return left <= 0 ? 0 : (int)left + 1;
}

void loop_run(void)
{
	for (;;) {
		struct epoll_event event;
		int ready = epoll_wait(loop_fd(), &event, 1, patience());

		if (ready < 0 && errno != EINTR) {
			perror("epoll_wait");
			exit(1);
		}
		if (ready == 1) {
			struct watcher *watcher = event.data.ptr;

			watcher->ready(watcher, event.events);
		}
		while (timers && timers->at <= now_milliseconds()) {
			struct timer *timer = timers;

			timer_clear(timer);
			timer->due(timer);
		}
	}
}
