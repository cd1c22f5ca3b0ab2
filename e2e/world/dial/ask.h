// SPDX-License-Identifier: Apache-2.0
#ifndef ASK_H
#define ASK_H

#include <stdbool.h>
#include <sys/socket.h>

#include "question.h"

enum {
	ASK_SERVERS = 4,
	ASK_MESSAGES = 2 * ASK_SERVERS,
};

enum ask_kind {
	ASK_CONNECTED,
	ASK_UNCONNECTED, /* to each server, on one socket */
	ASK_SENDMMSG, /* connected; all questions in one call, as glibc asks for A and AAAA */
	ASK_SENDMMSG_TO, /* unconnected */
	ASK_TCP,
};

struct ask_options {
	enum ask_kind kind;
	const char *name, *device, *unicast_device;
	struct sockaddr_storage server[ASK_SERVERS], bind; /* ss_family 0: not given */
	struct sockaddr_storage source; /* of each datagram, as ancillary data; ss_family 0: not given */
	const char *through; /* the device, as ancillary data */
	int servers, types, type[2], timeout, mark;
	bool in_turn; /* each answer is awaited before the next question */
	bool again; /* once more on the same socket after a line on stdin */
};

struct ask_message {
	struct sockaddr_storage *server;
	uint8_t bytes[QUESTION_SIZE];
	size_t length;
};

struct ask_reply {
	struct sockaddr_storage from; /* as recvfrom() says; TCP: as getpeername() */
	uint8_t bytes[QUESTION_SIZE];
	size_t length;
};

/* A socket with its options. With servers of both families it is an IPv6 one, as musl's. */
int ask_open(struct ask_options *options);
/* Sends them all and waits for as many answers. 0, or an error's number; `got` answers came. */
int ask_all(int fd, const struct ask_options *options, struct ask_message *messages, int count,
	    struct ask_reply *replies, int *got);

#endif
