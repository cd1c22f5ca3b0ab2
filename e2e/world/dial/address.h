// SPDX-License-Identifier: Apache-2.0
#ifndef ADDRESS_H
#define ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

enum {
	ADDRESS_TEXT = INET6_ADDRSTRLEN + 32,
};

/* "10.0.0.1", "fd00::1", "::ffff:10.0.0.1" (stays IPv6), "fe80::1%eth0". False: not an address. */
bool address_parse(const char *text, int port, struct sockaddr_storage *address);
void address_format(const struct sockaddr_storage *address, char text[ADDRESS_TEXT]);
socklen_t address_length(const struct sockaddr_storage *address);
int address_port(const struct sockaddr_storage *address);
void address_set_port(struct sockaddr_storage *address, int port);
bool address_is_loopback(const struct sockaddr_storage *address);
bool address_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b);
/* ::ffff:a.b.c.d becomes a.b.c.d. */
void address_canonicalise(struct sockaddr_storage *address);

void address_local(int fd, struct sockaddr_storage *address); /* AF_UNSPEC if there is none */
void address_peer(int fd, struct sockaddr_storage *address);

#endif
