// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

bool stream_wants_read(const struct stream *stream)
{
	return !stream->ended && stream->start == stream->end;
}

bool stream_wants_write(const struct stream *stream)
{
	return stream->start < stream->end;
}

static int flush(struct stream *stream, int sink)
{
	while (stream->start < stream->end) {
		ssize_t sent = send(sink, stream->buffer + stream->start,
				    stream->end - stream->start, MSG_NOSIGNAL);

		if (sent < 0)
			return errno == EAGAIN ? 0 : errno;
		stream->start += (size_t)sent;
		stream->bytes += (uint64_t)sent;
	}
	stream->start = stream->end = 0;
	return 0;
}

int stream_pump(struct stream *stream, int source, int sink)
{
	int error = flush(stream, sink);

	while (error == 0 && stream_wants_read(stream)) {
		ssize_t got;

		if (!stream->buffer && !(stream->buffer = malloc(STREAM_BUFFER)))
			return ENOMEM;
		got = recv(source, stream->buffer, STREAM_BUFFER, 0);
		if (got < 0)
			return errno == EAGAIN ? 0 : errno;
		stream->ended = got == 0;
		stream->end = (size_t)got;
		error = flush(stream, sink);
	}
	if (error == 0 && stream->ended && !stream_wants_write(stream) && !stream->closed) {
		stream->closed = true;
		shutdown(sink, SHUT_WR);
	}
	return error;
}
