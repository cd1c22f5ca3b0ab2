// SPDX-License-Identifier: Apache-2.0
// As much of a DNS message as the tests need: one question, A or AAAA, and one address for an answer.
#ifndef QUESTION_H
#define QUESTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
	QUESTION_NAME = 256,
	QUESTION_SIZE = 512, /* enough for every message here */
	TYPE_A = 1,
	TYPE_AAAA = 28,
};

/* Every name has an address in each of them, so that an answer tells who gave it. */
enum answerer {
	ANSWERER_ZTUNNEL, /* 198.18.0.0/16, fd00:5353::/64 */
	ANSWERER_SERVER, /* 198.19.0.0/16, fd00:5354::/64 */
};

struct question {
	uint16_t id;
	int type;
	char name[QUESTION_NAME]; /* lower case, without the final dot */
	size_t end; /* where it ends in its message */
};

/* The length of the message. */
size_t question_write(uint8_t message[QUESTION_SIZE], uint16_t id, const char *name, int type);
/* False: not a message with one question. */
bool question_read(const uint8_t *message, size_t length, struct question *question);
/* Makes an answer of a message that holds the question. Of other types than A and AAAA an empty one. */
size_t answer_write(uint8_t message[QUESTION_SIZE], const struct question *question,
		    enum answerer answerer);
/* The first address; false: it holds none. */
bool answer_read(const uint8_t *message, size_t length, const struct question *question,
		 struct sockaddr_storage *address);

#endif
