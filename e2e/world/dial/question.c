// SPDX-License-Identifier: Apache-2.0
#include "question.h"

#include <ctype.h>
#include <netinet/in.h>
#include <string.h>

enum {
	HEADER = 12,
	FLAG_RESPONSE = 0x80,
	FLAG_RECURSION_DESIRED = 0x01,
	FLAG_RECURSION_AVAILABLE = 0x80,
	CLASS_IN = 1,
	LABEL = 63,
	ANSWER_HEADER = 12, /* a pointer to the name, type, class, time to live, length */
};

static uint8_t *put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return at + 2;
}

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

size_t question_write(uint8_t message[QUESTION_SIZE], uint16_t id, const char *name, int type)
{
	uint8_t *at = message + HEADER;

	memset(message, 0, HEADER);
	put16(message, id);
	message[2] = FLAG_RECURSION_DESIRED;
	put16(message + 4, 1);
	while (*name && at < message + QUESTION_NAME) {
		size_t length = strcspn(name, ".");

		if (length > LABEL)
			length = LABEL;
		*at++ = (uint8_t)length;
		memcpy(at, name, length);
		at += length;
		name += length;
		name += *name == '.';
	}
	*at++ = 0;
	at = put16(at, (unsigned)type);
	return (size_t)(put16(at, CLASS_IN) - message);
}

bool question_read(const uint8_t *message, size_t length, struct question *question)
{
	size_t at = HEADER, out = 0;

	if (length < HEADER || get16(message + 4) != 1)
		return false;
	question->id = (uint16_t)get16(message);
	while (at < length && message[at] != 0) {
		size_t label = message[at++];

		if (label > LABEL || at + label >= length || out + label + 1 >= QUESTION_NAME)
			return false;
		if (out > 0)
			question->name[out++] = '.';
		for (size_t i = 0; i < label; i++)
			question->name[out++] = (char)tolower(message[at++]);
	}
	question->name[out] = 0;
	if (at + 5 > length)
		return false;
	question->type = (int)get16(message + at + 1);
	question->end = at + 5;
	return true;
}

/* FNV-1a, of which a test computes the same. */
static unsigned hash(const char *name)
{
	uint32_t value = 2166136261u;

	for (; *name; name++)
		value = (value ^ (uint8_t)*name) * 16777619u;
	return (value >> 16 ^ value) & 0xffff;
}

size_t answer_write(uint8_t message[QUESTION_SIZE], const struct question *question,
		    enum answerer answerer)
{
	bool known = question->type == TYPE_A || question->type == TYPE_AAAA;
	size_t size = question->type == TYPE_A ? 4 : 16;
	uint8_t *at = message + question->end;

	message[2] |= FLAG_RESPONSE;
	message[3] = FLAG_RECURSION_AVAILABLE;
	/* Only the question is kept: what came after it (EDNS) is not answered. */
	memset(message + 6, 0, 6);
	put16(message + 6, known);
	if (!known || question->end + ANSWER_HEADER + size > QUESTION_SIZE)
		return question->end;
	at = put16(at, 0xc000 | HEADER);
	at = put16(at, (unsigned)question->type);
	at = put16(at, CLASS_IN);
	at = put16(at, 0);
	at = put16(at, 60);
	at = put16(at, (unsigned)size);
	memset(at, 0, size);
	if (size == 4)
		put16(at, answerer == ANSWERER_ZTUNNEL ? 0xc612 : 0xc613);
	else
		put16(put16(at, 0xfd00), answerer == ANSWERER_ZTUNNEL ? 0x5353 : 0x5354);
	put16(at + size - 2, hash(question->name));
	return (size_t)(at + size - message);
}

static size_t skip_name(const uint8_t *message, size_t length, size_t at)
{
	while (at < length && message[at] != 0) {
		if (message[at] >= 0xc0)
			return at + 2;
		at += 1u + message[at];
	}
	return at + 1;
}

bool answer_read(const uint8_t *message, size_t length, const struct question *question,
		 struct sockaddr_storage *address)
{
	size_t at = question->end;

	memset(address, 0, sizeof(*address));
	for (unsigned left = get16(message + 6); left > 0; left--) {
		unsigned type, size;

		at = skip_name(message, length, at);
		if (at + 10 > length)
			return false;
		type = get16(message + at);
		size = get16(message + at + 8);
		at += 10;
		if (at + size > length)
			return false;
		if (type == TYPE_A && size == 4) {
			address->ss_family = AF_INET;
			memcpy(&((struct sockaddr_in *)address)->sin_addr, message + at, size);
			return true;
		}
		if (type == TYPE_AAAA && size == 16) {
			address->ss_family = AF_INET6;
			memcpy(&((struct sockaddr_in6 *)address)->sin6_addr, message + at, size);
			return true;
		}
		at += size;
	}
	return false;
}
