// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "packet.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int take_fds(struct msghdr *message, int *netns)
{
	int fds = 0;

	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
	     header = CMSG_NXTHDR(message, header)) {
		size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
			if (fds++ == 0)
				*netns = fd;
			else
				close(fd);
		}
	}
	return fds;
}

static const char *complaint(const struct zds_request *request, bool decoded, int flags, int fds)
{
	if (fds > 1)
		return "Expected 1 FD, got 2";
	if (flags & (MSG_TRUNC | MSG_CTRUNC))
		return "received truncated message";
	if (!decoded)
		return "failed to decode Protobuf message: invalid varint";
	if (request->kind == ZDS_NOTHING)
		return "no payload";
	if (request->kind == ZDS_ADD && fds == 0)
		return "No control message";
	if (request->kind != ZDS_ADD && fds == 1)
		return "Unexpected control message";
	return NULL;
}

bool packet_receive(int channel, struct packet *packet)
{
	char control[CMSG_SPACE(4 * sizeof(int))];
	uint8_t bytes[ZDS_MESSAGE];
	struct iovec data = { bytes, sizeof(bytes) };
	struct msghdr message = { .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	ssize_t got = recvmsg(channel, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	bool decoded;
	int fds;

	if (got < 0 && errno == EAGAIN)
		return false;
	packet->netns = -1;
	packet->closed = got <= 0;
	if (packet->closed)
		return true;
	fds = take_fds(&message, &packet->netns);
	decoded = zds_decode(bytes, (size_t)got, &packet->request);
	packet->problem = complaint(&packet->request, decoded, message.msg_flags, fds);
	return true;
}
