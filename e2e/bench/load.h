// SPDX-License-Identifier: Apache-2.0
#ifndef LOAD_H
#define LOAD_H

/* The first byte of a connection to `load serve`. */
enum {
	ECHO = 'e', /* whatever follows comes back */
	SINK = 's', /* at its end: how many bytes there were, as text */
};

enum {
	BLOCK = 65536,
};

int serve(int port);

#endif
