// SPDX-License-Identifier: Apache-2.0
// dial dns: one line with each answer, from whom it came by recvfrom() and who the peer is by getpeername().
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "dial.h"

enum {
	DNS = 53,
};

static enum ask_kind kind_of(const char *name)
{
	static const char *const names[] = {
		[ASK_CONNECTED] = "connected", [ASK_UNCONNECTED] = "unconnected",
		[ASK_SENDMMSG] = "sendmmsg",   [ASK_SENDMMSG_TO] = "sendmmsg-to",
		[ASK_TCP] = "tcp",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i]) == 0)
			return (enum ask_kind)i;
	usage("no such way to ask", name);
}

static void parse_type(const char *name, struct ask_options *options)
{
	options->types = 1;
	if (strcmp(name, "A") == 0) {
		options->type[0] = TYPE_A;
	} else if (strcmp(name, "AAAA") == 0) {
		options->type[0] = TYPE_AAAA;
	} else if (strcmp(name, "both") == 0) {
		options->type[0] = TYPE_A;
		options->type[1] = TYPE_AAAA;
		options->types = 2;
	} else {
		usage("not A, AAAA or both", name);
	}
}

static void parse(int argc, char **argv, struct ask_options *options)
{
	memset(options, 0, sizeof(*options));
	options->timeout = 20000;
	parse_type("A", options);
	if (argc < 3)
		usage("dns needs KIND NAME SERVER", NULL);
	options->kind = kind_of(argv[0]);
	options->name = argv[1];
	for (int i = 2; i < argc; i++) {
		char *value = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(argv[i], "--in-turn") == 0)
			options->in_turn = true;
		else if (strcmp(argv[i], "--again") == 0)
			options->again = true;
		else if (argv[i][0] != '-' && options->servers < ASK_SERVERS &&
			 address_parse(argv[i], DNS, &options->server[options->servers]))
			options->servers++;
		else if (strcmp(argv[i], "--type") == 0 && value)
			parse_type(argv[++i], options);
		else if (strcmp(argv[i], "--timeout") == 0 && value)
			options->timeout = (int)number(argv[++i], 1, 600000);
		else if (strcmp(argv[i], "--mark") == 0 && value)
			options->mark = (int)number(argv[++i], 0, 0x7fffffff);
		else if (strcmp(argv[i], "--device") == 0 && value)
			options->device = argv[++i];
		else if (strcmp(argv[i], "--unicast-if") == 0 && value)
			options->unicast_device = argv[++i];
		else if (strcmp(argv[i], "--through") == 0 && value)
			options->through = argv[++i];
		else if (strcmp(argv[i], "--source") == 0 && value &&
			 address_parse(value, 0, &options->source))
			i++;
		else if (strcmp(argv[i], "--bind") != 0 || !value ||
			 !address_parse(argv[++i], 0, &options->bind))
			usage("no such option, or not an address", argv[i]);
	}
	if (options->servers == 0)
		usage("dns needs a server", NULL);
}

static void print_reply(struct line *line, const struct ask_reply *reply)
{
	struct sockaddr_storage address;
	struct question question;

	line_element_begin(line);
	line_address(line, "from", &reply->from);
	if (question_read(reply->bytes, reply->length, &question)) {
		line_integer(line, "id", question.id);
		line_text(line, "type", question.type == TYPE_A ? "A" : "AAAA");
		answer_read(reply->bytes, reply->length, &question, &address);
		line_address(line, "answer", &address);
	}
	line_object_end(line);
}

static int ask_round(int fd, struct ask_options *options, uint16_t id)
{
	struct ask_message messages[ASK_MESSAGES];
	struct ask_reply replies[ASK_MESSAGES];
	struct sockaddr_storage local, peer;
	int count = 0, got = 0, error;
	struct line line;

	for (int s = 0; s < options->servers; s++)
		for (int t = 0; t < options->types; t++, count++) {
			struct ask_message *message = &messages[count];

			message->server = &options->server[s];
			message->length = question_write(message->bytes, (uint16_t)(id + count),
							 options->name, options->type[t]);
		}
	error = ask_all(fd, options, messages, count, replies, &got);
	address_local(fd, &local);
	address_peer(fd, &peer);
	line_begin(&line);
	line_flag(&line, "ok", error == 0);
	if (error)
		line_error(&line, "errno", error);
	line_address(&line, "local", &local);
	line_address(&line, "peer", &peer);
	line_array_begin(&line, "replies");
	for (int i = 0; i < got; i++)
		print_reply(&line, &replies[i]);
	line_array_end(&line);
	line_end(&line);
	return error != 0;
}

int command_dns(int argc, char **argv)
{
	struct ask_options options;
	bool named;
	int fd;
	char c;

	parse(argc, argv, &options);
	fd = ask_open(&options);
	named = options.kind == ASK_UNCONNECTED || options.kind == ASK_SENDMMSG_TO;
	if (!named && connect(fd, (const struct sockaddr *)&options.server[0],
			      address_length(&options.server[0])) != 0)
		fail("connect");
	if (ask_round(fd, &options, 1) != 0)
		return 1;
	while (options.again && read(STDIN_FILENO, &c, 1) == 1)
		if (c == '\n')
			return ask_round(fd, &options, 101);
	return 0;
}
