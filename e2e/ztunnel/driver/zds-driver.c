// SPDX-License-Identifier: Apache-2.0
// A node agent's end of ZDS with nothing behind it, for tests of a ztunnel: zds-driver PATH. Commands on stdin, a line each:
//   send HEX [FILE...]   one packet, with the files' descriptors       close   end the connection, wait for the next
// Tells {event: listening | accepted | received, hex | closed} on stdout. Ends with its stdin.
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "line.h"

enum {
	PACKET = 65536,
	FILES = 4,
};

static int listener = -1, channel = -1;

static void tell(const char *event, const char *hex)
{
	struct line line;

	line_begin(&line);
	line_text(&line, "event", event);
	if (hex)
		line_text(&line, "hex", hex);
	line_end(&line);
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void send_packet(char *words)
{
	char control[CMSG_SPACE(FILES * sizeof(int))] = { 0 }, *place,
					*word = strtok_r(words, " ", &place);
	static unsigned char bytes[PACKET];
	int fds[FILES], count = 0;
	size_t length = 0;
	struct iovec data = { bytes, 0 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1 };

	for (; word && sscanf(word + 2 * length, "%2hhx", &bytes[length]) == 1; length++)
		;
	data.iov_len = length;
	while (count < FILES && (word = strtok_r(NULL, " ", &place)) != NULL) {
		fds[count] = open(word, O_RDONLY | O_CLOEXEC);
		if (fds[count++] < 0)
			die(word);
	}
	if (count > 0) {
		struct cmsghdr *header = (struct cmsghdr *)control;

		message.msg_control = control;
		message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
		memcpy(CMSG_DATA(header), fds, (size_t)count * sizeof(int));
	}
	if (sendmsg(channel, &message, MSG_NOSIGNAL) < 0)
		perror("sendmsg");
	for (int i = 0; i < count; i++)
		close(fds[i]);
}

static void receive_packet(void)
{
	static unsigned char bytes[PACKET];
	static char hex[2 * PACKET + 1];
	ssize_t got = recv(channel, bytes, sizeof(bytes), 0);

	if (got <= 0) {
		tell("closed", NULL);
		close(channel);
		channel = -1;
		return;
	}
	for (ssize_t i = 0; i < got; i++)
		sprintf(hex + 2 * i, "%02x", bytes[i]);
	tell("received", hex);
}

static void command(char *text)
{
	text[strcspn(text, "\n")] = 0;
	if (strncmp(text, "send ", 5) == 0) {
		send_packet(text + 5);
	} else if (strcmp(text, "close") == 0) {
		close(channel);
		channel = -1;
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char text[PACKET];

	if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path))
		return 2;
	strcpy(address.sun_path, argv[1]);
	setvbuf(stdin, NULL, _IONBF, 0);
	unlink(argv[1]);
	listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(listener, 4) != 0)
		die("listen");
	tell("listening", NULL);
	for (;;) {
		/* One connection at a time: the next waits in the backlog. */
		struct pollfd polled[] = { { .fd = STDIN_FILENO, .events = POLLIN },
					   { .fd = channel < 0 ? listener : channel,
					     .events = POLLIN } };

		poll(polled, 2, -1);
		if (polled[1].revents && channel >= 0) {
			receive_packet();
		} else if (polled[1].revents) {
			channel = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
			tell("accepted", NULL);
		} else if (polled[0].revents) {
			if (!fgets(text, sizeof(text), stdin))
				return 0;
			command(text);
		}
	}
}
