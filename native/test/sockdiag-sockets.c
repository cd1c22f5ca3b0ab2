// SPDX-License-Identifier: Apache-2.0
// sockdiag-sockets MARK N4 N6: connects N4 sockets to 127.0.0.1 and N6 to ::1, all with the mark, as is the listener.
// Prints "ready"; at the first line of input closes those of IPv4 (their ends go to TIME_WAIT) and prints "closed".
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int marked(int family, int mark)
{
	int fd = socket(family, SOCK_STREAM, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0)
		perror("socket"), exit(1);
	return fd;
}

static int pairs(struct sockaddr *address, socklen_t size, int mark, int count, int *fds)
{
	int listener = marked(address->sa_family, mark);
	if (bind(listener, address, size) < 0 || listen(listener, 128) < 0 || getsockname(listener, address, &size) < 0)
		perror("listen"), exit(1);
	for (int i = 0; i < count; i++) {
		int accepted, mine = marked(address->sa_family, mark), unmarked = 0;
		if (connect(mine, address, size) < 0 || (accepted = accept(listener, NULL, NULL)) < 0)
			perror("connect"), exit(1);
		setsockopt(accepted, SOL_SOCKET, SO_MARK, &unmarked, sizeof(unmarked));
		fds[2 * i] = mine;
		fds[2 * i + 1] = accepted;
	}
	return 2 * count;
}

int main(int argc, char **argv)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fds[1024], count;
	char line[16];
	if (argc < 4)
		return 2;
	pairs((struct sockaddr *)&v6, sizeof(v6), strtol(argv[1], NULL, 0), atoi(argv[3]), fds);
	count = pairs((struct sockaddr *)&v4, sizeof(v4), strtol(argv[1], NULL, 0), atoi(argv[2]), fds);
	printf("ready\n");
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return 0;
	for (int i = 0; i < count; i++)
		close(fds[i]);
	usleep(50000);
	printf("closed\n");
	fflush(stdout);
	return fgets(line, sizeof(line), stdin) == NULL;
}
