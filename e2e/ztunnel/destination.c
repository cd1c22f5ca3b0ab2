// SPDX-License-Identifier: Apache-2.0
#include "destination.h"

#include <netinet/in.h>
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
