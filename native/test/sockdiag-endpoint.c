// SPDX-License-Identifier: Apache-2.0
// Does what its lines say and answers each with one: "listen PORT MARK transparent|plain" and "connect ADDRESS PORT MARK"
// (a number), "accept PORT" (a number; waits), "states": what recv() says on each connection, by number.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int connections[64], count;
static struct { int fd, port; } listeners[8];
static int listening;

static int marked(int family, int mark)
{
	int fd = socket(family, SOCK_STREAM, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) < 0)
		perror("socket"), exit(1);
	return fd;
}

static void listen_on(int port, int mark, int transparent)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int fd = marked(AF_INET6, mark);
	// As ztunnel does it: after listen().
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 || listen(fd, 16) < 0 ||
	    setsockopt(fd, SOL_IP, IP_TRANSPARENT, &transparent, sizeof(transparent)) < 0)
		perror("listen"), exit(1);
	listeners[listening].fd = fd;
	listeners[listening++].port = port;
	printf("listening\n");
}

static void keep(int fd)
{
	if (fd < 0)
		perror("connection"), exit(1);
	connections[count] = fd;
	printf("%d\n", count++);
}

static void connect_to(const char *address, int port, int mark)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int is_v4 = inet_pton(AF_INET, address, &v4.sin_addr), fd = marked(is_v4 ? AF_INET : AF_INET6, mark);
	inet_pton(AF_INET6, address, &v6.sin6_addr);
	if (connect(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6, is_v4 ? sizeof(v4) : sizeof(v6)) < 0)
		fd = -1;
	keep(fd);
}

static void accept_on(int port)
{
	for (int i = 0; i < listening; i++)
		if (listeners[i].port == port)
			keep(accept(listeners[i].fd, NULL, NULL));
}

static void tell_states(void)
{
	char byte;
	for (int i = 0; i < count; i++)
		printf("%s%s", i ? " " : "", recv(connections[i], &byte, 1, MSG_DONTWAIT) < 0 ? strerrorname_np(errno) : "EOF");
	printf("\n");
}

int main(void)
{
	char line[128], word[64], address[64];
	int port, mark;
	while (fgets(line, sizeof(line), stdin)) {
		if (sscanf(line, "listen %d %i %63s", &port, &mark, word) == 3)
			listen_on(port, mark, strcmp(word, "transparent") == 0);
		else if (sscanf(line, "connect %63s %d %i", address, &port, &mark) == 3)
			connect_to(address, port, mark);
		else if (sscanf(line, "accept %d", &port) == 1)
			accept_on(port);
		else
			tell_states();
		fflush(stdout);
	}
	return 0;
}
