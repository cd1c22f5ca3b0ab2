// SPDX-License-Identifier: Apache-2.0
// The application in a pod: connects, serves, passes sockets, forks. One JSON line for each result.
#ifndef DIAL_H
#define DIAL_H

#include <stdbool.h>
#include <sys/socket.h>

#include "address.h"
#include "line.h"

enum {
	MORE_TARGETS = 8,
	SOCKET_OPTIONS = 8,
};

/* How the socket is asked to connect. */
enum manner {
	MANNER_BLOCKING,
	MANNER_NONBLOCKING,
	MANNER_FASTOPEN,
	MANNER_URING,
	MANNER_URING_ASYNC,
	MANNER_URING_SQPOLL,
};

struct socket_option {
	const char *text; /* as given: LEVEL:OPTION:VALUE or SO_NAME:VALUE */
	int level, option;
	const char *value; /* a number, %DEVICE (its index), hex=BYTES, or a string */
};

struct connect_options {
	struct sockaddr_storage target[MORE_TARGETS];
	int targets;
	struct sockaddr_storage again, bind; /* ss_family 0: not given */
	bool again_after_failure;
	enum manner manner;
	bool mptcp, smc, udp, connected, dontroute, hold, reset, each, no_data, wait_line;
	bool wait_send; /* after connect, before what is to be sent */
	bool until_connected;
	const char *device, *unicast_device, *send, *local_ports;
	struct socket_option before[SOCKET_OPTIONS], after[SOCKET_OPTIONS];
	int befores, afters;
	int timeout; /* ms, for the connect and again for the first data */
	int count, interval; /* connections; ms between two */
	int fd; /* a socket to use instead of a new one; -1: none */
};

/* Exit status of every command: 0 it went well, 1 it did not (the line says how), 2 wrong usage. */
int dial(int argc, char **argv);
int command_connect(int argc, char **argv);
int command_serve(int argc, char **argv);
int command_enter(int argc, char **argv);
int command_inherit(int argc, char **argv);
int command_pass_socket(int argc, char **argv);
int command_receive_socket(int argc, char **argv);
int command_ping(int argc, char **argv);
int command_race(int argc, char **argv);
int command_raw(int argc, char **argv);
int command_dns(int argc, char **argv);
int command_resolver(int argc, char **argv);
int command_segments(int argc, char **argv);
int command_forks(int argc, char **argv);
int command_netns_cookie(int argc, char **argv);
int command_pause(int argc, char **argv);

_Noreturn void usage(const char *complaint, const char *what);
_Noreturn void fail(const char *what); /* prints {ok: false, stage, errno}; exit 1 */
long number(const char *text, long low, long high);

void connect_parse(int argc, char **argv, struct connect_options *options);
int connect_run(const struct connect_options *options);
int connect_many(const struct connect_options *options);
int datagram_run(const struct connect_options *options);

struct attempt {
	int error; /* 0: connected */
	const char *stage; /* socket, bind, setsockopt, connect */
	double milliseconds;
	long long began; /* ms since the epoch; 0: there was no socket to begin with */
};

/* -1 and attempt->error, attempt->stage. */
int socket_make(const struct connect_options *options, const struct sockaddr_storage *target,
		struct attempt *attempt);
bool socket_set(int fd, const struct socket_option *option);
bool socket_option_parse(const char *text, struct socket_option *option);
/* `after`: where the results of options->after are written; may be null. */
void socket_connect(int fd, const struct connect_options *options,
		    const struct sockaddr_storage *target, struct attempt *attempt,
		    int after[SOCKET_OPTIONS]);
int uring_connect(int fd, enum manner manner, const struct sockaddr_storage *target, int timeout);
/* The first line, or what came until EOF, an error or the timeout. Returns "line",
 * "eof", "full" or an error's name. */
const char *first_data(int fd, int timeout, char *data, size_t size, size_t *length);
void hold_connection(int fd);

/* Joins the cgroup (null: none) first, then the network namespace ("-": none). */
void enter(const char *cgroup, const char *netns, bool make);
void send_fd(int channel, int fd);
int receive_fd(int channel);

#endif
