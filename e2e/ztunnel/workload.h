// SPDX-License-Identifier: Apache-2.0
// A pod that the agent has handed over: its network namespace, the listeners in it, the live connections.
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <stdbool.h>
#include <sys/types.h>

#include "loop.h"
#include "zds.h"

enum port {
	PORT_OUTBOUND = 15001,
	PORT_INBOUND = 15006,
	PORT_HBONE = 15008,
	PORT_DNS = 15053,
};

enum {
	LISTENERS = 3,
};

struct workload;

struct listener {
	struct watcher watcher;
	struct workload *workload;
	enum port port;
	bool transparent;
};

struct workload {
	char *uid, *name, *namespace;
	int netns; /* owned */
	dev_t device;
	ino_t inode;
	bool named; /* since the connection to the agent began */
	bool pending; /* could not be started; tried again every 5 s */
	struct listener listeners[LISTENERS];
	struct dns *dns; /* null: there is none */
	struct connection *connections;
	struct workload *next;
};

/* Takes `netns`. "" or what went wrong; the workload is pending then. */
const char *workload_add(const struct zds_request *request, int netns);
/* Listeners and live connections end at once. An unknown uid is fine. */
void workload_del(const char *uid);
void workload_name(const char *uid, bool named);
void workload_forget_pending(const char *uid);
void workloads_unname(void); /* a new connection to the agent */
void workloads_drop_unnamed(void);
bool workloads_retry(void); /* true: some are still pending */

/* 0, or -1 and in `error` what ztunnel would say. */
int listeners_open(struct workload *workload, char *error, size_t size);
void listeners_close(struct workload *workload);

bool port_is_own(int port);

#endif
