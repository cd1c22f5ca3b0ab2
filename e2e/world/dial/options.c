// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "dial.h"

static char *next(int argc, char **argv, int *i)
{
	if (*i + 1 >= argc)
		usage("a value is missing after", argv[*i]);
	return argv[++*i];
}

static void parse_target(int argc, char **argv, int *i, struct sockaddr_storage *target)
{
	const char *host = next(argc, argv, i);
	int port = (int)number(next(argc, argv, i), 1, 65535);

	if (!address_parse(host, port, target))
		usage("not an address", host);
}

static void parse_option(const char *text, struct socket_option *list, int *count)
{
	if (*count == SOCKET_OPTIONS || !socket_option_parse(text, &list[*count]))
		usage("not a socket option", text);
	++*count;
}

static bool parse_flag(const char *name, struct connect_options *options)
{
	const struct {
		const char *name;
		bool *flag;
	} flags[] = {
		{ "--mptcp", &options->mptcp },         { "--udp", &options->udp },
		{ "--connected", &options->connected }, { "--dontroute", &options->dontroute },
		{ "--hold", &options->hold },           { "--rst", &options->reset },
		{ "--each", &options->each },           { "--no-data", &options->no_data },
		{ "--wait-line", &options->wait_line }, { "--wait-send", &options->wait_send },
		{ "--until-connected", &options->until_connected },
		{ "--smc", &options->smc },
	};
	const struct {
		const char *name;
		enum manner manner;
	} manners[] = {
		{ "--nonblock", MANNER_NONBLOCKING },
		{ "--tfo", MANNER_FASTOPEN },
		{ "--uring", MANNER_URING },
		{ "--uring-async", MANNER_URING_ASYNC },
		{ "--uring-sqpoll", MANNER_URING_SQPOLL },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (strcmp(name, flags[i].name) == 0)
			return *flags[i].flag = true;
	for (size_t i = 0; i < sizeof(manners) / sizeof(*manners); i++)
		if (strcmp(name, manners[i].name) == 0) {
			options->manner = manners[i].manner;
			return true;
		}
	return false;
}

static void parse_one(int argc, char **argv, int *i, struct connect_options *options)
{
	const char *name = argv[*i];
	struct sockaddr_storage *bound = &options->bind;

	if (parse_flag(name, options))
		return;
	if (strcmp(name, "--also") == 0) {
		if (options->targets == MORE_TARGETS)
			usage("too many", name);
		parse_target(argc, argv, i, &options->target[options->targets++]);
	} else if (strcmp(name, "--again") == 0 || strcmp(name, "--after-failure") == 0) {
		options->again_after_failure = strcmp(name, "--after-failure") == 0;
		parse_target(argc, argv, i, &options->again);
	} else if (strcmp(name, "--timeout") == 0) {
		options->timeout = (int)number(next(argc, argv, i), 1, 600000);
	} else if (strcmp(name, "--count") == 0) {
		options->count = (int)number(next(argc, argv, i), 1, 10000000);
	} else if (strcmp(name, "--interval") == 0) {
		options->interval = (int)number(next(argc, argv, i), 0, 60000);
	} else if (strcmp(name, "--fd") == 0) {
		options->fd = (int)number(next(argc, argv, i), 0, 1 << 20);
	} else if (strcmp(name, "--bind") == 0) {
		if (!address_parse(next(argc, argv, i), 0, bound))
			usage("not an address", argv[*i]);
	} else if (strcmp(name, "--device") == 0) {
		options->device = next(argc, argv, i);
	} else if (strcmp(name, "--unicast-if") == 0) {
		options->unicast_device = next(argc, argv, i);
	} else if (strcmp(name, "--send") == 0) {
		options->send = next(argc, argv, i);
	} else if (strcmp(name, "--local-ports") == 0) {
		options->local_ports = next(argc, argv, i);
	} else if (strcmp(name, "--set-before") == 0) {
		parse_option(next(argc, argv, i), options->before, &options->befores);
	} else if (strcmp(name, "--mark") == 0) {
		char text[32] = "SO_MARK:";

		strncat(text, next(argc, argv, i), sizeof(text) - sizeof("SO_MARK:"));
		parse_option(strdup(text), options->before, &options->befores);
	} else if (strcmp(name, "--set-after") == 0) {
		options->manner = MANNER_NONBLOCKING;
		parse_option(next(argc, argv, i), options->after, &options->afters);
	} else {
		usage("no such option", name);
	}
}

void connect_parse(int argc, char **argv, struct connect_options *options)
{
	int i = -1;

	memset(options, 0, sizeof(*options));
	options->timeout = 30000;
	options->count = 1;
	options->fd = -1;
	if (argc < 2)
		usage("connect needs ADDR PORT", NULL);
	parse_target(argc, argv, &i, &options->target[0]);
	options->targets = 1;
	for (i++; i < argc; i++)
		parse_one(argc, argv, &i, options);
}
