// SPDX-License-Identifier: Apache-2.0
// zds-fuzz COUNT SEED: reads valid packets from stdin, a line of hex each, and decodes COUNT changed ones. Each ends
// where its page ends, and the page behind it cannot be read. Tells {inputs, decoded}.
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "line.h"
#include "zds.h"

enum {
	PAGE = 4096,
	PACKETS = 64,
	LONGEST = ZDS_MESSAGE + 8, /* a packet may be longer than is read */
};

static struct {
	uint8_t bytes[LONGEST];
	size_t length;
} valid[PACKETS];
static size_t valids;
static uint32_t dice;

static uint32_t below(uint32_t limit)
{
	dice ^= dice << 13;
	dice ^= dice >> 17;
	dice ^= dice << 5;
	return dice % limit;
}

static void read_valid(void)
{
	char text[2 * LONGEST + 2];
	unsigned byte;

	while (valids < PACKETS && fgets(text, sizeof(text), stdin)) {
		size_t length = 0;

		while (sscanf(text + 2 * length, "%2x", &byte) == 1)
			valid[valids].bytes[length++] = (uint8_t)byte;
		valid[valids++].length = length;
	}
}

static size_t change(uint8_t *bytes, size_t length)
{
	size_t at = below((uint32_t)length + 1);

	switch (below(4)) {
	case 0:
		if (at < length)
			bytes[at] ^= (uint8_t)(1 + below(255));
		return length;
	case 1:
		return at;
	case 2:
		if (length == LONGEST)
			return length;
		memmove(bytes + at + 1, bytes + at, length - at);
		bytes[at] = (uint8_t)below(256);
		return length + 1;
	default:
		if (at == length)
			return length;
		memmove(bytes + at, bytes + at + 1, length - at - 1);
		return length - 1;
	}
}

static size_t make_input(uint8_t bytes[LONGEST])
{
	size_t from = below((uint32_t)valids), length = valid[from].length;

	if (below(4) == 0) {
		length = below(64);
		for (size_t i = 0; i < length; i++)
			bytes[i] = (uint8_t)below(256);
		return length;
	}
	memcpy(bytes, valid[from].bytes, length);
	for (uint32_t changes = below(4); changes > 0; changes--)
		length = change(bytes, length);
	return length;
}

/* Texts end where they should, and nothing beside the request was written. */
static void check(const uint8_t *page, size_t size, const struct zds_request *request)
{
	const char *texts[] = { request->uid, request->name, request->namespace,
				request->service_account };
	const uint8_t *behind = (const uint8_t *)(request + 1);

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (strnlen(texts[i], ZDS_TEXT) == ZDS_TEXT)
			abort();
	for (const uint8_t *byte = page; byte < page + size; byte++)
		if ((byte < (const uint8_t *)request || byte >= behind) && *byte != 0xa5)
			abort();
}

int main(int argc, char **argv)
{
	long count = argc == 3 ? atol(argv[1]) : 0, decoded = 0;
	struct {
		uint8_t before[64];
		struct zds_request request;
		uint8_t after[64];
	} guarded;
	uint8_t *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			      -1, 0);
	struct line line;

	if (count <= 0 || pages == MAP_FAILED || mprotect(pages + PAGE, PAGE, PROT_NONE) != 0)
		return 2;
	dice = (uint32_t)strtoul(argv[2], NULL, 0);
	read_valid();
	if (dice == 0 || valids == 0)
		return 2;
	for (long i = 0; i < count; i++) {
		uint8_t bytes[LONGEST];
		size_t length = make_input(bytes);
		uint8_t *input = pages + PAGE - length;

		memcpy(input, bytes, length);
		memset(&guarded, 0xa5, sizeof(guarded));
		decoded += zds_decode(input, length, &guarded.request);
		check((uint8_t *)&guarded, sizeof(guarded), &guarded.request);
	}
	line_begin(&line);
	line_integer(&line, "inputs", count);
	line_integer(&line, "decoded", decoded);
	line_end(&line);
	return 0;
}
