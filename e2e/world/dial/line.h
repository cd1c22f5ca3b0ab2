// SPDX-License-Identifier: Apache-2.0
// One JSON object a line on stdout, written with one write(2) so that lines of several processes do not mix.
#ifndef LINE_H
#define LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

struct line {
	char text[16384];
	size_t length;
	bool comma;
};

void line_begin(struct line *line);
void line_text(struct line *line, const char *key, const char *value);
void line_bytes(struct line *line, const char *key, const char *value, size_t length);
void line_integer(struct line *line, const char *key, long long value);
void line_milliseconds(struct line *line, const char *key, double value);
void line_flag(struct line *line, const char *key, bool value);
/* The error's name ("ECONNREFUSED"); "TIMEOUT" for ERROR_TIMEOUT. */
void line_error(struct line *line, const char *key, int error);
/* "10.0.0.1:80" or "[fd00::1]:80"; null when `address` has no family. */
void line_address(struct line *line, const char *key, const struct sockaddr_storage *address);
void line_object_begin(struct line *line, const char *key);
void line_object_end(struct line *line);
void line_array_begin(struct line *line, const char *key);
void line_array_end(struct line *line);
void line_element_begin(struct line *line);
/* Closes the object and writes it. */
void line_end(struct line *line);

enum {
	ERROR_TIMEOUT = -1, /* our own patience ended; the kernel said nothing */
};
const char *error_name(int error);

double now_milliseconds(void); /* CLOCK_MONOTONIC */
long long epoch_milliseconds(void); /* CLOCK_REALTIME */

#endif
