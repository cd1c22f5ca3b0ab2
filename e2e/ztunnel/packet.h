// SPDX-License-Identifier: Apache-2.0
#ifndef PACKET_H
#define PACKET_H

#include <stdbool.h>

#include "zds.h"

/* One message of the agent with what came beside it. */
struct packet {
	struct zds_request request;
	int netns; /* the caller's to close; -1: none came */
	const char *problem; /* in ztunnel's words, when it cannot be read */
	bool closed;
};

/* False: nothing to read yet. */
bool packet_receive(int channel, struct packet *packet);

#endif
