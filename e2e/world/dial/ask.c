// SPDX-License-Identifier: Apache-2.0
// A resolver's half: asks as glibc, musl, c-ares, Go and dnsmasq do, and tells who seems to have answered.
#define _GNU_SOURCE
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "ask.h"
#include "dial.h"

#ifndef IPV6_UNICAST_IF
#define IPV6_UNICAST_IF 76
#endif

static struct sockaddr_storage mapped(const struct sockaddr_storage *server)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)server;
	struct sockaddr_storage result = { .ss_family = AF_INET6 };
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&result;

	if (server->ss_family == AF_INET6)
		return *server;
	v6->sin6_port = v4->sin_port;
	v6->sin6_addr.s6_addr[10] = v6->sin6_addr.s6_addr[11] = 0xff;
	memcpy(&v6->sin6_addr.s6_addr[12], &v4->sin_addr, sizeof(v4->sin_addr));
	return result;
}

/* musl: one socket for all servers, of IPv6 as soon as one of them is. */
static void unite(struct ask_options *options)
{
	bool six = false;

	for (int i = 0; i < options->servers; i++)
		six |= options->server[i].ss_family == AF_INET6;
	for (int i = 0; six && i < options->servers; i++)
		options->server[i] = mapped(&options->server[i]);
}

int ask_open(struct ask_options *options)
{
	int type = options->kind == ASK_TCP ? SOCK_STREAM : SOCK_DGRAM, zero = 0, fd, index;
	const struct sockaddr_storage *first = options->server;

	unite(options);
	fd = socket(first->ss_family, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		fail("socket");
	if (first->ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (options->device && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, options->device,
					  (socklen_t)strlen(options->device)) != 0)
		fail("SO_BINDTODEVICE");
	index = options->unicast_device ? (int)htonl(if_nametoindex(options->unicast_device)) : 0;
	if (index && setsockopt(fd, SOL_IP, IP_UNICAST_IF, &index, sizeof(index)) != 0)
		fail("IP_UNICAST_IF");
	if (index && first->ss_family == AF_INET6 &&
	    setsockopt(fd, SOL_IPV6, IPV6_UNICAST_IF, &index, sizeof(index)) != 0)
		fail("IPV6_UNICAST_IF");
	if (options->mark &&
	    setsockopt(fd, SOL_SOCKET, SO_MARK, &options->mark, sizeof(options->mark)) != 0)
		fail("SO_MARK");
	if (options->bind.ss_family && bind(fd, (const struct sockaddr *)&options->bind,
					    address_length(&options->bind)) != 0)
		fail("bind");
	return fd;
}

enum {
	ANCILLARY = CMSG_SPACE(sizeof(struct in6_pktinfo)),
};

/* The source and the device of this datagram alone. Returns the size; 0: neither is asked for. */
static size_t put_ancillary(char control[ANCILLARY], const struct ask_options *options)
{
	const struct sockaddr_storage *source = &options->source;
	unsigned index = options->through ? if_nametoindex(options->through) : 0;
	struct cmsghdr *header = (struct cmsghdr *)control;
	struct in_pktinfo four = { .ipi_ifindex = (int)index };
	struct in6_pktinfo six = { .ipi6_ifindex = index };

	if (!source->ss_family && !index)
		return 0;
	memset(control, 0, ANCILLARY);
	if (options->server[0].ss_family == AF_INET) {
		four.ipi_spec_dst = ((const struct sockaddr_in *)source)->sin_addr;
		*header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(four)),
					    .cmsg_level = IPPROTO_IP,
					    .cmsg_type = IP_PKTINFO };
		memcpy(CMSG_DATA(header), &four, sizeof(four));
		return CMSG_SPACE(sizeof(four));
	}
	six.ipi6_addr = ((const struct sockaddr_in6 *)source)->sin6_addr;
	*header = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(six)),
				    .cmsg_level = IPPROTO_IPV6,
				    .cmsg_type = IPV6_PKTINFO };
	memcpy(CMSG_DATA(header), &six, sizeof(six));
	return CMSG_SPACE(sizeof(six));
}

static void send_tcp(int fd, const struct ask_message *message)
{
	uint8_t prefix[2] = { (uint8_t)(message->length >> 8), (uint8_t)message->length };
	struct iovec parts[2] = { { prefix, sizeof(prefix) },
				  { (void *)message->bytes, message->length } };

	if (writev(fd, parts, 2) < 0)
		fail("send");
}

/* `control`: of all, `size` bytes. */
static void compose(struct msghdr *header, struct iovec *part, const struct ask_options *options,
		    struct ask_message *message, char *control, size_t size)
{
	*part = (struct iovec){ message->bytes, message->length };
	*header = (struct msghdr){ .msg_iov = part,
				   .msg_iovlen = 1,
				   .msg_control = size ? control : NULL,
				   .msg_controllen = size };
	if (options->kind != ASK_UNCONNECTED && options->kind != ASK_SENDMMSG_TO)
		return;
	header->msg_name = message->server;
	header->msg_namelen = address_length(message->server);
}

static void send_together(int fd, const struct ask_options *options, struct ask_message *message,
			  int count)
{
	_Alignas(struct cmsghdr) char control[ANCILLARY];
	struct mmsghdr headers[ASK_MESSAGES] = { 0 };
	struct iovec parts[ASK_MESSAGES];
	size_t size = put_ancillary(control, options);

	for (int i = 0; i < count; i++)
		compose(&headers[i].msg_hdr, &parts[i], options, &message[i], control, size);
	if (sendmmsg(fd, headers, (unsigned)count, 0) != count)
		fail("sendmmsg");
}

static void send_one(int fd, const struct ask_options *options, struct ask_message *message)
{
	_Alignas(struct cmsghdr) char control[ANCILLARY];
	struct msghdr header;
	struct iovec part;

	if (options->kind == ASK_TCP) {
		send_tcp(fd, message);
		return;
	}
	compose(&header, &part, options, message, control, put_ancillary(control, options));
	if (sendmsg(fd, &header, 0) < 0)
		fail("send");
}

static bool receive_tcp(int fd, uint8_t *bytes, size_t *length)
{
	uint8_t prefix[2];

	if (recv(fd, prefix, sizeof(prefix), MSG_WAITALL) != sizeof(prefix))
		return false;
	*length = (size_t)prefix[0] << 8 | prefix[1];
	return *length <= QUESTION_SIZE &&
	       recv(fd, bytes, *length, MSG_WAITALL) == (ssize_t)*length;
}

static bool receive(int fd, enum ask_kind kind, struct ask_reply *reply)
{
	socklen_t size = sizeof(reply->from);
	ssize_t got;

	if (kind == ASK_TCP) {
		address_peer(fd, &reply->from);
		return receive_tcp(fd, reply->bytes, &reply->length);
	}
	got = recvfrom(fd, reply->bytes, sizeof(reply->bytes), 0, (struct sockaddr *)&reply->from,
		       &size);
	reply->length = got < 0 ? 0 : (size_t)got;
	return got >= 0;
}

/* 0: `count` answers came; else an error's number. */
static int collect(int fd, const struct ask_options *options, struct ask_reply *replies, int *got,
		   int count)
{
	double end = now_milliseconds() + options->timeout;

	while (*got < count) {
		struct pollfd polled = { .fd = fd, .events = POLLIN };
		double left = end - now_milliseconds();

		if (left <= 0 || poll(&polled, 1, (int)left + 1) == 0)
			return ERROR_TIMEOUT;
		if (!receive(fd, options->kind, &replies[*got]))
			return errno ? errno : EPIPE;
		++*got;
	}
	return 0;
}

int ask_all(int fd, const struct ask_options *options, struct ask_message *messages, int count,
	    struct ask_reply *replies, int *got)
{
	bool together = options->kind == ASK_SENDMMSG || options->kind == ASK_SENDMMSG_TO;
	int error = 0;

	*got = 0;
	if (together)
		send_together(fd, options, messages, count);
	for (int i = 0; !together && i < count && !error; i++) {
		send_one(fd, options, &messages[i]);
		if (options->in_turn)
			error = collect(fd, options, replies, got, i + 1);
	}
	return error ? error : collect(fd, options, replies, got, count);
}
