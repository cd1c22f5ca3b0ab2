// SPDX-License-Identifier: Apache-2.0
// One epoll loop. An event is handled before the next is fetched, so a handler may free any watcher.
#ifndef LOOP_H
#define LOOP_H

#include <stdint.h>

struct watcher {
	int fd;
	uint32_t events; /* as registered */
	void (*ready)(struct watcher *watcher, uint32_t events);
};

struct timer {
	double at; /* CLOCK_MONOTONIC ms; 0: not set */
	void (*due)(struct timer *timer);
	struct timer *next;
};

void loop_watch(struct watcher *watcher, uint32_t events); /* adds it, or changes its events */
void loop_close(struct watcher *watcher); /* closes the fd; -1 is no error */
void timer_set(struct timer *timer, double milliseconds);
void timer_clear(struct timer *timer);
_Noreturn void loop_run(void);

#endif
