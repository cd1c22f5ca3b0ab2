// SPDX-License-Identifier: Apache-2.0
// The connection to the node agent: hello, then one answer to each message, in order.
#define _GNU_SOURCE
#include "agent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fault.h"
#include "line.h"
#include "loop.h"
#include "packet.h"
#include "workload.h"

enum {
	FIRST_BACKOFF = 20, /* ms, doubled each time */
	LONGEST_BACKOFF = 15000,
	RETRY_PENDING = 5000,
};

static struct {
	struct watcher channel;
	struct timer reconnect, retry;
	const char *path;
	double backoff;
	bool snapshot_received;
} agent = { .channel.fd = -1 };

static void tell(const char *event, const char *uid, const char *error)
{
	struct line line;

	line_begin(&line);
	line_text(&line, "event", event);
	if (uid)
		line_text(&line, "uid", uid);
	if (error)
		line_text(&line, "error", error);
	line_end(&line);
}

static void disconnect(void)
{
	tell("disconnected", NULL, NULL);
	loop_close(&agent.channel);
	/* ztunnel's backoff begins anew after each connection. */
	agent.backoff = FIRST_BACKOFF;
	timer_set(&agent.reconnect, 0);
}

static void reply(const char *error)
{
	uint8_t bytes[ZDS_MESSAGE];
	size_t length = zds_encode_ack(error, bytes);

	if (fault("hang"))
		return;
	if (fault("close")) {
		disconnect();
		return;
	}
	if (fault("garbage"))
		length = (size_t)snprintf((char *)bytes, sizeof(bytes), "\xff\xff\xff\xffgarbage");
	if (*error)
		tell("nack", NULL, error);
	send(agent.channel.fd, bytes, length, MSG_NOSIGNAL);
}

/* ztunnel ends when the agent breaks the order of messages. */
static _Noreturn void fatal(const char *error)
{
	char text[256];

	snprintf(text, sizeof(text), "failure to process message : ProtocolError(\"%s\")", error);
	reply(text);
	tell("fatal", NULL, error);
	exit(1);
}

static void add(const struct zds_request *request, int netns)
{
	const char *error;
	char text[512];

	if (!request->has_info) {
		close(netns);
		fatal("workload_info is required but not present");
	}
	error = fault("nack") ? "told to fail" : workload_add(request, netns);
	if (fault("nack"))
		close(netns);
	if (*error == 0) {
		reply("");
		return;
	}
	if (agent.retry.at == 0)
		timer_set(&agent.retry, RETRY_PENDING);
	snprintf(text, sizeof(text), "failure to start proxy : %s", error);
	reply(text);
}

static void keep(const char *uid)
{
	if (agent.snapshot_received)
		fatal("pod keep received after snapshot");
	workload_name(uid, true);
	reply("");
}

/* Before the snapshot a Del only takes the name back; the snapshot then drops the pod. */
static void del(const char *uid)
{
	if (agent.snapshot_received) {
		workload_del(uid);
	} else {
		workload_name(uid, false);
		workload_forget_pending(uid);
	}
	reply("");
}

static void snapshot_sent(void)
{
	if (agent.snapshot_received)
		fatal("pod snapshot received already");
	workloads_drop_unnamed();
	agent.snapshot_received = true;
	reply("");
}

static void process(const struct zds_request *request, int netns)
{
	static const char *const names[] = { [ZDS_ADD] = "add",
					     [ZDS_DEL] = "del",
					     [ZDS_KEEP] = "keep",
					     [ZDS_SNAPSHOT_SENT] = "snapshot-sent" };

	tell(names[request->kind], request->kind == ZDS_SNAPSHOT_SENT ? NULL : request->uid, NULL);
	if (request->kind == ZDS_ADD)
		add(request, netns);
	else if (request->kind == ZDS_KEEP)
		keep(request->uid);
	else if (request->kind == ZDS_DEL)
		del(request->uid);
	else
		snapshot_sent();
}

static void channel_ready(struct watcher *watcher, uint32_t events)
{
	static struct packet packet;
	char text[256];

	(void)events;
	if (!packet_receive(watcher->fd, &packet))
		return;
	if (packet.closed) {
		disconnect();
		return;
	}
	if (!packet.problem) {
		process(&packet.request, packet.netns);
		return;
	}
	if (packet.netns >= 0)
		close(packet.netns);
	snprintf(text, sizeof(text), "failure to read message : %s", packet.problem);
	reply(text);
	disconnect();
}

static int dial(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", agent.path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void connect_again(struct timer *timer)
{
	uint8_t hello[ZDS_MESSAGE];
	size_t length = zds_encode_hello(hello);
	int fd = dial();

	if (fd < 0) {
		timer_set(timer, agent.backoff);
		agent.backoff =
			agent.backoff * 2 < LONGEST_BACKOFF ? agent.backoff * 2 : LONGEST_BACKOFF;
		return;
	}
	agent.snapshot_received = false;
	workloads_unname();
	agent.channel = (struct watcher){ .fd = fd, .ready = channel_ready };
	tell("connected", NULL, NULL);
	if (fault("garbage-hello"))
		memset(hello, 0xff, length = 16);
	if (!fault("no-hello"))
		send(fd, hello, length, MSG_NOSIGNAL);
	loop_watch(&agent.channel, EPOLLIN);
}

static void retry_pending(struct timer *timer)
{
	if (workloads_retry())
		timer_set(timer, RETRY_PENDING);
}

void agent_follow(const char *path)
{
	agent.path = path;
	agent.backoff = FIRST_BACKOFF;
	agent.reconnect.due = connect_again;
	agent.retry.due = retry_pending;
	timer_set(&agent.reconnect, 0);
}
