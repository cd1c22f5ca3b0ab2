// SPDX-License-Identifier: Apache-2.0
#ifndef UPSTREAM_H
#define UPSTREAM_H

#include <sys/socket.h>

/*
 * Begins to connect from the pod's network namespace, by a socket with ztunnel's mark. `source`: the address to
 * appear as, unless it is the destination's own; null: the pod's. -1 and *error.
 */
int upstream_connect(int netns, const struct sockaddr_storage *source,
		     const struct sockaddr_storage *destination, int *error);

#endif
