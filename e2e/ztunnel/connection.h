// SPDX-License-Identifier: Apache-2.0
#ifndef CONNECTION_H
#define CONNECTION_H

#include "workload.h"

/* Takes an accepted socket: finds out where it was going, connects there, and copies both ways. */
void connection_begin(struct listener *listener, int fd);
/* Ends it at once, both sides. */
void connection_abort(struct connection *connection);

#endif
