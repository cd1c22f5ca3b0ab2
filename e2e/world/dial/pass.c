// SPDX-License-Identifier: Apache-2.0
// An unconnected socket, handed from one pod to another by SCM_RIGHTS.
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "dial.h"

enum {
	PATIENCE = 5000, /* ms until the receiver listens */
};

void send_fd(int channel, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 0;
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(int));
	if (sendmsg(channel, &message, 0) != 1)
		fail("sendmsg");
}

int receive_fd(int channel)
{
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header;
	int fd;

	if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) != 1)
		fail("recvmsg");
	header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_type != SCM_RIGHTS)
		fail("no socket came");
	memcpy(&fd, CMSG_DATA(header), sizeof(int));
	return fd;
}

static struct sockaddr_un unix_address(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		usage("too long a path", path);
	strcpy(address.sun_path, path);
	return address;
}

int command_pass_socket(int argc, char **argv)
{
	double end = now_milliseconds() + PATIENCE;
	struct sockaddr_un address;
	struct line line;
	int channel, fd;

	if (argc != 2)
		usage("pass-socket needs PATH ipv4|ipv6", NULL);
	address = unix_address(argv[0]);
	fd = socket(strcmp(argv[1], "ipv6") == 0 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC,
		    0);
	channel = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || channel < 0)
		fail("socket");
	while (connect(channel, (struct sockaddr *)&address, sizeof(address)) != 0) {
		if (now_milliseconds() > end)
			fail("connect to the receiver");
		usleep(5000);
	}
	send_fd(channel, fd);
	line_begin(&line);
	line_flag(&line, "ok", true);
	line_text(&line, "event", "passed");
	line_end(&line);
	return 0;
}

int command_receive_socket(int argc, char **argv)
{
	struct connect_options options;
	struct sockaddr_un address;
	int listener, channel;

	if (argc < 4 || strcmp(argv[1], "--") != 0)
		usage("receive-socket needs PATH -- ADDR PORT", NULL);
	connect_parse(argc - 2, argv + 2, &options);
	address = unix_address(argv[0]);
	unlink(argv[0]);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(listener, 1) != 0)
		fail("listen");
	channel = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (channel < 0)
		fail("accept");
	options.fd = receive_fd(channel);
	return connect_run(&options);
}
