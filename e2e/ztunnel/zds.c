// SPDX-License-Identifier: Apache-2.0
#include "zds.h"

#include <string.h>

struct reader {
	const uint8_t *next, *end;
	bool failed;
};

enum wire_type {
	WIRE_VARINT = 0,
	WIRE_FIXED64 = 1,
	WIRE_LENGTH = 2,
	WIRE_FIXED32 = 5,
};

static uint64_t read_varint(struct reader *reader)
{
	uint64_t value = 0;

	for (int shift = 0; shift < 64; shift += 7) {
		if (reader->next == reader->end)
			break;
		value |= (uint64_t)(*reader->next & 0x7f) << shift;
		if (!(*reader->next++ & 0x80))
			return value;
	}
	reader->failed = true;
	return 0;
}

static struct reader read_bytes(struct reader *reader, uint64_t length)
{
	struct reader inner = { reader->next, reader->next, false };

	if (length > (uint64_t)(reader->end - reader->next)) {
		reader->failed = true;
		return inner;
	}
	reader->next += length;
	inner.end = reader->next;
	return inner;
}

/* The next field, or 0 at the end. `value` holds a length-delimited field's bytes. */
static uint64_t read_field(struct reader *reader, enum wire_type *type, struct reader *value)
{
	uint64_t key;

	if (reader->failed || reader->next == reader->end)
		return 0;
	key = read_varint(reader);
	*type = (enum wire_type)(key & 7);
	switch (*type) {
	case WIRE_VARINT:
		read_varint(reader);
		break;
	case WIRE_FIXED64:
		read_bytes(reader, 8);
		break;
	case WIRE_LENGTH:
		*value = read_bytes(reader, read_varint(reader));
		break;
	case WIRE_FIXED32:
		read_bytes(reader, 4);
		break;
	default:
		reader->failed = true;
	}
	if (key >> 3 == 0)
		reader->failed = true;
	return reader->failed ? 0 : key >> 3;
}

static void copy_text(const struct reader *value, char text[ZDS_TEXT])
{
	size_t length = (size_t)(value->end - value->next);

	memcpy(text, value->next, length);
	text[length] = 0;
}

static bool decode_info(struct reader reader, struct zds_request *request)
{
	char *const texts[] = { NULL, request->name, request->namespace, request->service_account };
	enum wire_type type;
	struct reader value;
	uint64_t field;

	while ((field = read_field(&reader, &type, &value)) != 0)
		if (type == WIRE_LENGTH && field <= 3)
			copy_text(&value, texts[field]);
	return !reader.failed;
}

/* The uid is field 1, but for Del, where it is field 2. */
static bool decode_member(struct reader reader, struct zds_request *request)
{
	uint64_t uid = request->kind == ZDS_DEL ? 2 : 1, field;
	enum wire_type type;
	struct reader value;

	while ((field = read_field(&reader, &type, &value)) != 0) {
		if (type != WIRE_LENGTH)
			continue;
		if (field == uid && request->kind != ZDS_SNAPSHOT_SENT) {
			copy_text(&value, request->uid);
		} else if (field == 2 && request->kind == ZDS_ADD) {
			request->has_info = true;
			if (!decode_info(value, request))
				return false;
		}
	}
	return !reader.failed;
}

bool zds_decode(const uint8_t *bytes, size_t length, struct zds_request *request)
{
	struct reader reader = { bytes, bytes + length, false }, value;
	enum wire_type type;
	uint64_t field;

	memset(request, 0, sizeof(*request));
	if (length > ZDS_MESSAGE)
		return false;
	while ((field = read_field(&reader, &type, &value)) != 0) {
		if (type != WIRE_LENGTH || (field > 3 && field != ZDS_KEEP))
			continue;
		request->kind = (enum zds_kind)field;
		if (!decode_member(value, request))
			return false;
	}
	return !reader.failed;
}

size_t zds_encode_hello(uint8_t bytes[ZDS_MESSAGE])
{
	bytes[0] = 1 << 3 | WIRE_VARINT;
	bytes[1] = 1; /* V1 */
	return 2;
}

static size_t put_length(uint8_t *bytes, size_t length)
{
	size_t at = 0;

	while (length > 0x7f) {
		bytes[at++] = (uint8_t)(length | 0x80);
		length >>= 7;
	}
	bytes[at++] = (uint8_t)length;
	return at;
}

size_t zds_encode_ack(const char *error, uint8_t bytes[ZDS_MESSAGE])
{
	uint8_t ack[ZDS_MESSAGE];
	size_t length = strlen(error), inner = 0, at = 0;

	if (length > 900)
		length = 900;
	if (length > 0) {
		ack[inner++] = 1 << 3 | WIRE_LENGTH;
		inner += put_length(ack + inner, length);
		memcpy(ack + inner, error, length);
		inner += length;
	}
	bytes[at++] = 1 << 3 | WIRE_LENGTH;
	at += put_length(bytes + at, inner);
	memcpy(bytes + at, ack, inner);
	return at + inner;
}
