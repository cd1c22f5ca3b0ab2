// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "line.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "address.h"

enum {
	ROOM = 64,		/* for its closing brackets; what does not fit is left out */
};

static void append(struct line *line, const char *format, ...)
{
	va_list arguments;
	size_t room = sizeof(line->text) - ROOM - line->length;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line->text + line->length, room, format, arguments);
	va_end(arguments);
	if (length > 0)
		line->length += (size_t)length < room ? (size_t)length : room - 1;
}

static void append_character(struct line *line, char c)
{
	if (line->length < sizeof(line->text) - ROOM - 1)
		line->text[line->length++] = c;
}

static void append_string(struct line *line, const char *value, size_t length)
{
	append_character(line, '"');
	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)value[i];

		if (c < 0x20 || c >= 0x7f) {
			append(line, "\\u%04x", c);
			continue;
		}
		if (c == '"' || c == '\\')
			append_character(line, '\\');
		append_character(line, (char)c);
	}
	append_character(line, '"');
}

static void append_key(struct line *line, const char *key)
{
	if (line->comma)
		append_character(line, ',');
	if (key) {
		append_string(line, key, strlen(key));
		append_character(line, ':');
	}
	line->comma = true;
}

void line_begin(struct line *line)
{
	line->length = 0;
	line->comma = false;
	append(line, "{");
}

void line_bytes(struct line *line, const char *key, const char *value, size_t length)
{
	append_key(line, key);
	append_string(line, value, length);
}

void line_text(struct line *line, const char *key, const char *value)
{
	line_bytes(line, key, value, strlen(value));
}

void line_integer(struct line *line, const char *key, long long value)
{
	append_key(line, key);
	append(line, "%lld", value);
}

void line_milliseconds(struct line *line, const char *key, double value)
{
	append_key(line, key);
	append(line, "%.4f", value);
}

void line_flag(struct line *line, const char *key, bool value)
{
	append_key(line, key);
	append(line, value ? "true" : "false");
}

const char *error_name(int error)
{
	const char *name = error == ERROR_TIMEOUT ? "TIMEOUT" : strerrorname_np(error);

	return name ? name : "EUNKNOWN";
}

void line_error(struct line *line, const char *key, int error)
{
	line_text(line, key, error_name(error));
}

void line_address(struct line *line, const char *key, const struct sockaddr_storage *address)
{
	char text[ADDRESS_TEXT];

	if (address->ss_family == AF_UNSPEC) {
		append_key(line, key);
		append(line, "null");
		return;
	}
	address_format(address, text);
	line_text(line, key, text);
}

static void open_bracket(struct line *line, const char *key, const char *bracket)
{
	append_key(line, key);
	append(line, "%s", bracket);
	line->comma = false;
}

static void close_bracket(struct line *line, const char *bracket)
{
	append(line, "%s", bracket);
	line->comma = true;
}

void line_object_begin(struct line *line, const char *key)
{
	open_bracket(line, key, "{");
}

void line_object_end(struct line *line)
{
	close_bracket(line, "}");
}

void line_array_begin(struct line *line, const char *key)
{
	open_bracket(line, key, "[");
}

void line_array_end(struct line *line)
{
	close_bracket(line, "]");
}

void line_element_begin(struct line *line)
{
	open_bracket(line, NULL, "{");
}

void line_end(struct line *line)
{
	memcpy(line->text + line->length, "}\n", 2);
	line->length += 2;
	/* Nobody reads any more: nothing to do about it, and the caller's work is done. */
	if (write(STDOUT_FILENO, line->text, line->length) < 0)
		return;
}

double now_milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

long long epoch_milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}
