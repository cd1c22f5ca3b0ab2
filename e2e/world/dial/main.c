// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dial.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *arguments;
} commands[] = {
	{ "connect", command_connect,
	  "ADDR PORT [--also ADDR PORT] [--timeout MS] [--count N [--interval MS] [--each [--until-connected]]] "
	  "[--bind ADDR]\n"
	  "    [--device DEV] [--unicast-if DEV] [--dontroute] [--mark N] [--set-before OPTION] "
	  "[--set-after OPTION]\n"
	  "    [--mptcp|--smc] [--nonblock|--tfo|--uring|--uring-async|--uring-sqpoll] [--local-ports "
	  "LO-HI] [--fd N]\n"
	  "    [--again ADDR PORT|--after-failure ADDR PORT] [--send TEXT] [--no-data] [--hold] "
	  "[--rst]\n"
	  "    [--wait-line] [--wait-send] [--udp [--connected]]      OPTION is SO_NAME:VALUE or "
	  "LEVEL:NUMBER:VALUE;\n"
	  "    a VALUE is a number, %DEVICE, hex=BYTES or a text" },
	{ "serve", command_serve,
	  "PORT [--bind ADDR] [--name NAME] [--once] [--reuseport] [--echo] [--udp] [--mark N] "
	  "[--quiet]" },
	{ "enter", command_enter, "[--make] [--first] CGROUP|- NETNS|- -- COMMAND..." },
	{ "inherit", command_inherit, "CGROUP|- NETNS|- -- ADDR PORT [connect's options]" },
	{ "pass-socket", command_pass_socket, "PATH ipv4|ipv6" },
	{ "receive-socket", command_receive_socket, "PATH -- ADDR PORT [connect's options]" },
	{ "ping", command_ping, "ADDR" },
	{ "race", command_race, "ADDR PORT DEVICE ROUNDS" },
	{ "raw", command_raw, "tcp|header|packet|tun ADDR PORT [SOURCE]" },
	{ "dns", command_dns,
	  "connected|unconnected|sendmmsg|sendmmsg-to|tcp NAME SERVER... [--type A|AAAA|both] "
	  "[--in-turn]\n"
	  "    [--again] [--timeout MS] [--bind ADDR] [--device DEV] [--unicast-if DEV] [--mark "
	  "N]\n"
	  "    [--source ADDR] [--through DEV]      both as ancillary data of each datagram" },
	{ "resolver", command_resolver, "[ADDR [PORT]]" },
	{ "segments", command_segments, "PORT [LAST-PORT]" },
	{ "forks", command_forks, "N [--exec] [--seconds S]" },
	{ "netns-cookie", command_netns_cookie, "" },
	{ "pause", command_pause, "" },
};

void usage(const char *complaint, const char *what)
{
	fprintf(stderr, "dial: %s%s%s\n", complaint, what ? ": " : "", what ? what : "");
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		fprintf(stderr, "  dial %s %s\n", commands[i].name, commands[i].arguments);
	exit(2);
}

void fail(const char *what)
{
	int error = errno;
	struct line line;

	line_begin(&line);
	line_flag(&line, "ok", false);
	line_text(&line, "stage", what);
	line_error(&line, "errno", error);
	line_end(&line);
	exit(1);
}

long number(const char *text, long low, long high)
{
	char *end;
	long value = strtol(text, &end, 0);

	if (!*text || *end || value < low || value > high)
		usage("not a number in range", text);
	return value;
}

int dial(int argc, char **argv)
{
	if (argc < 1)
		usage("which command?", NULL);
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(argv[0], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	usage("no such command", argv[0]);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	return dial(argc - 1, argv + 1);
}
