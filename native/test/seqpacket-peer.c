// SPDX-License-Identifier: Apache-2.0
// The other end of a SOCK_SEQPACKET connection, written from the manual pages.
//   seqpacket-peer PATH receive   waits for one message and prints it and where its descriptors point to
//   seqpacket-peer PATH send N    sends "hello" with N descriptors, then an answer ends it
//   seqpacket-peer PATH idle      connects and waits for its end
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int receive(int fd)
{
	char data[256], control[CMSG_SPACE(253 * sizeof(int))];
	struct iovec iov = {data, sizeof(data) - 1};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	ssize_t size = recvmsg(fd, &message, 0);
	if (size < 0)
		return perror("recvmsg"), 1;
	data[size] = 0;
	printf("%s", data);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
		int *fds = (int *)CMSG_DATA(c);
		for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			char link[64], target[256] = "";
			snprintf(link, sizeof(link), "/proc/self/fd/%d", fds[i]);
			if (readlink(link, target, sizeof(target) - 1) > 0)
				printf(" %s", target);
		}
	}
	printf("\n");
	return 0;
}

static int send_with(int fd, int count)
{
	char control[CMSG_SPACE(253 * sizeof(int))] = {0};
	struct iovec iov = {"hello", 5};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
													 .msg_controllen = CMSG_SPACE(count * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(count * sizeof(int));
	for (int i = 0; i < count; i++)
		((int *)CMSG_DATA(c))[i] = open("/dev/null", O_RDONLY);
	if (sendmsg(fd, &message, 0) < 0)
		return perror("sendmsg"), 1;
	return receive(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	if (argc < 3)
		return 2;
	strncpy(address.sun_path, argv[1], sizeof(address.sun_path) - 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return perror("connect"), 1;
	if (!strcmp(argv[2], "receive"))
		return receive(fd);
	if (!strcmp(argv[2], "send") && argc > 3)
		return send_with(fd, atoi(argv[3]));
	pause();
	return 0;
}
