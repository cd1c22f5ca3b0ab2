// SPDX-License-Identifier: Apache-2.0
#include "destination.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"

enum {
	ORIGINAL_DST = 80, /* SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST */
};

void destination_find(int fd, struct sockaddr_storage *destination)
{
	socklen_t length = sizeof(*destination);

	memset(destination, 0, sizeof(*destination));
	if (getsockopt(fd, SOL_IP, ORIGINAL_DST, destination, &length) != 0) {
		length = sizeof(*destination);
		if (getsockopt(fd, SOL_IPV6, ORIGINAL_DST, destination, &length) != 0)
			address_local(fd, destination);
	}
	address_canonicalise(destination);
}

void destination_resolve(struct sockaddr_storage *destination)
{
	const char *services = getenv("STAND_IN_SERVICES");
	char vip[64], pod[64];
	int length;

	for (; services && sscanf(services, "%63[^=]=%63[^,]%n", vip, pod, &length) == 2;
	     services += length + (services[length] == ',')) {
		struct sockaddr_storage address;

		if (!address_parse(vip, 0, &address) || !address_same_host(&address, destination))
			continue;
		address_parse(pod, address_port(destination), destination);
		return;
	}
}
