// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "connection.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "address.h"
#include "destination.h"
#include "line.h"
#include "stream.h"
#include "upstream.h"

enum {
	CONNECT_PATIENCE = 10000, /* ms */
};

struct connection {
	struct watcher client, upstream;
	struct timer patience;
	struct workload *workload;
	bool inbound, connected;
	struct sockaddr_storage source, destination;
	struct stream sent, received; /* client -> upstream, upstream -> client */
	double began;
	struct connection *next;
};

static struct connection *of(struct watcher *watcher, size_t offset)
{
	return (struct connection *)((char *)watcher - offset);
}

static void tell(const char *event, const struct connection *connection, int error)
{
	struct line line;

	line_begin(&line);
	line_text(&line, "event", event);
	line_text(&line, "direction", connection->inbound ? "inbound" : "outbound");
	line_text(&line, "uid", connection->workload->uid);
	line_text(&line, "pod", connection->workload->name);
	line_text(&line, "namespace", connection->workload->namespace);
	line_address(&line, "src", &connection->source);
	line_address(&line, "dst", &connection->destination);
	if (event[0] == 'c') {
		line_integer(&line, "bytesSent", (long long)connection->sent.bytes);
		line_integer(&line, "bytesReceived", (long long)connection->received.bytes);
		line_milliseconds(&line, "ms", now_milliseconds() - connection->began);
	}
	if (error)
		line_error(&line, "error", error);
	line_end(&line);
}

static void end(struct connection *connection, int error)
{
	struct connection **link = &connection->workload->connections;

	while (*link != connection)
		link = &(*link)->next;
	*link = connection->next;
	tell("complete", connection, error);
	timer_clear(&connection->patience);
	loop_close(&connection->client);
	loop_close(&connection->upstream);
	free(connection->sent.buffer);
	free(connection->received.buffer);
	free(connection);
}

void connection_abort(struct connection *connection)
{
	end(connection, ECANCELED);
}

static void pump(struct connection *connection)
{
	struct stream *sent = &connection->sent, *received = &connection->received;
	int error = stream_pump(sent, connection->client.fd, connection->upstream.fd);

	if (error == 0)
		error = stream_pump(received, connection->upstream.fd, connection->client.fd);
	if (error || (sent->closed && received->closed)) {
		end(connection, error);
		return;
	}
	loop_watch(&connection->client, (stream_wants_read(sent) ? EPOLLIN : 0) |
						(stream_wants_write(received) ? EPOLLOUT : 0));
	loop_watch(&connection->upstream, (stream_wants_read(received) ? EPOLLIN : 0) |
						  (stream_wants_write(sent) ? EPOLLOUT : 0));
}

static void client_ready(struct watcher *watcher, uint32_t events)
{
	(void)events;
	pump(of(watcher, offsetof(struct connection, client)));
}

static void upstream_ready(struct watcher *watcher, uint32_t events)
{
	struct connection *connection = of(watcher, offsetof(struct connection, upstream));
	socklen_t length = sizeof(int);
	int error = 0;

	(void)events;
	if (!connection->connected) {
		getsockopt(watcher->fd, SOL_SOCKET, SO_ERROR, &error, &length);
		if (error) {
			end(connection, error);
			return;
		}
		connection->connected = true;
		timer_clear(&connection->patience);
	}
	pump(connection);
}

static void too_long(struct timer *timer)
{
	end((struct connection *)((char *)timer - offsetof(struct connection, patience)),
	    ETIMEDOUT);
}

/*
 * ztunnel's own guards against being sent in circles; and one more: a pod that dials its own address on :15001 makes
 * ztunnel dial itself without end, and the stand-in refuses that too.
 */
static bool forbidden(const struct connection *connection)
{
	const struct sockaddr_storage *destination = &connection->destination;

	if (!port_is_own(address_port(destination)))
		return false;
	return connection->inbound || address_is_loopback(destination) ||
	       address_same_host(destination, &connection->source);
}

/* STAND_IN_STRICT names one namespace; "1" means all. */
static bool is_strict(const struct workload *workload)
{
	const char *where = getenv("STAND_IN_STRICT");

	return where && (!strcmp(where, "1") || (workload->namespace && !strcmp(where, workload->namespace)));
}

void connection_begin(struct listener *listener, int fd)
{
	struct connection *connection = calloc(1, sizeof(*connection));
	struct workload *workload = listener->workload;
	struct sockaddr_storage target;
	int one = 1, error;

	if (!connection)
		abort();
	connection->client = (struct watcher){ .fd = fd, .ready = client_ready };
	connection->upstream = (struct watcher){ .fd = -1, .ready = upstream_ready };
	connection->patience.due = too_long;
	connection->workload = workload;
	connection->inbound = listener->port == PORT_INBOUND;
	connection->began = now_milliseconds();
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	address_peer(fd, &connection->source);
	address_canonicalise(&connection->source);
	destination_find(fd, &connection->destination);
	connection->next = workload->connections;
	workload->connections = connection;
	if (forbidden(connection)) {
		tell("denied", connection, 0);
		end(connection, ELOOP);
		return;
	}
	/* Whoever comes without a certificate is nobody that a strict policy allows. */
	if (connection->inbound && is_strict(connection->workload)) {
		tell("denied", connection, EACCES);
		end(connection, EACCES);
		return;
	}
	tell("opened", connection, 0);
	target = connection->destination;
	if (!connection->inbound)
		destination_resolve(&target);
	/* Only inbound does the application see the client's address: outbound ztunnel is the pod. */
	connection->upstream.fd = upstream_connect(
		workload->netns,
		connection->inbound && listener->transparent ? &connection->source : NULL, &target,
		&error);
	if (connection->upstream.fd < 0) {
		end(connection, error);
		return;
	}
	timer_set(&connection->patience, CONNECT_PATIENCE);
	loop_watch(&connection->upstream, EPOLLOUT);
}
