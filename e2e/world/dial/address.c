// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

static struct sockaddr_in *in4(const struct sockaddr_storage *address)
{
	return (struct sockaddr_in *)address;
}

static struct sockaddr_in6 *in6(const struct sockaddr_storage *address)
{
	return (struct sockaddr_in6 *)address;
}

bool address_parse(const char *text, int port, struct sockaddr_storage *address)
{
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE];
	char *scope;

	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, text, &in4(address)->sin_addr) == 1) {
		address->ss_family = AF_INET;
		address_set_port(address, port);
		return true;
	}
	if (strlen(text) >= sizeof(host))
		return false;
	strcpy(host, text);
	scope = strchr(host, '%');
	if (scope)
		*scope++ = 0;
	if (inet_pton(AF_INET6, host, &in6(address)->sin6_addr) != 1)
		return false;
	address->ss_family = AF_INET6;
	if (scope)
		in6(address)->sin6_scope_id = if_nametoindex(scope);
	address_set_port(address, port);
	return true;
}

void address_format(const struct sockaddr_storage *address, char text[ADDRESS_TEXT])
{
	char host[INET6_ADDRSTRLEN] = "?";

	if (address->ss_family == AF_INET) {
		inet_ntop(AF_INET, &in4(address)->sin_addr, host, sizeof(host));
		snprintf(text, ADDRESS_TEXT, "%s:%d", host, address_port(address));
	} else {
		inet_ntop(AF_INET6, &in6(address)->sin6_addr, host, sizeof(host));
		snprintf(text, ADDRESS_TEXT, "[%s]:%d", host, address_port(address));
	}
}

socklen_t address_length(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET ? sizeof(struct sockaddr_in)
					     : sizeof(struct sockaddr_in6);
}

int address_port(const struct sockaddr_storage *address)
{
	return ntohs(address->ss_family == AF_INET ? in4(address)->sin_port
						   : in6(address)->sin6_port);
}

void address_set_port(struct sockaddr_storage *address, int port)
{
	if (address->ss_family == AF_INET)
		in4(address)->sin_port = htons((uint16_t)port);
	else
		in6(address)->sin6_port = htons((uint16_t)port);
}

bool address_is_loopback(const struct sockaddr_storage *address)
{
	if (address->ss_family == AF_INET)
		return ntohl(in4(address)->sin_addr.s_addr) >> 24 == 127;
	return IN6_IS_ADDR_LOOPBACK(&in6(address)->sin6_addr);
}

bool address_same_host(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return in4(a)->sin_addr.s_addr == in4(b)->sin_addr.s_addr;
	return IN6_ARE_ADDR_EQUAL(&in6(a)->sin6_addr, &in6(b)->sin6_addr);
}

void address_canonicalise(struct sockaddr_storage *address)
{
	struct sockaddr_in plain = { .sin_family = AF_INET };

	if (address->ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&in6(address)->sin6_addr))
		return;
	plain.sin_port = in6(address)->sin6_port;
	memcpy(&plain.sin_addr, &in6(address)->sin6_addr.s6_addr[12], sizeof(plain.sin_addr));
	memset(address, 0, sizeof(*address));
	memcpy(address, &plain, sizeof(plain));
}

void address_local(int fd, struct sockaddr_storage *address)
{
	socklen_t length = sizeof(*address);

	memset(address, 0, sizeof(*address));
	if (getsockname(fd, (struct sockaddr *)address, &length) != 0)
		address->ss_family = AF_UNSPEC;
}

void address_peer(int fd, struct sockaddr_storage *address)
{
	socklen_t length = sizeof(*address);

	memset(address, 0, sizeof(*address));
	if (getpeername(fd, (struct sockaddr *)address, &length) != 0)
		address->ss_family = AF_UNSPEC;
}
