// SPDX-License-Identifier: Apache-2.0
// One direction of a proxied connection.
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	STREAM_BUFFER = 65536,
};

struct stream {
	char *buffer;
	size_t start, end; /* what is read and not yet written */
	uint64_t bytes; /* written so far */
	bool ended; /* the source said FIN */
	bool closed; /* and the sink was told */
};

/* Copies what can be copied now. 0, or an errno. */
int stream_pump(struct stream *stream, int source, int sink);
bool stream_wants_read(const struct stream *stream);
bool stream_wants_write(const struct stream *stream);

#endif
