// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "upstream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

#include "address.h"
#include "netns.h"

#ifndef IPV6_TRANSPARENT
#define IPV6_TRANSPARENT 75
#endif
#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

static int make_spoofable(int fd, int family)
{
	int level = family == AF_INET ? SOL_IP : SOL_IPV6, one = 1;

	if (setsockopt(fd, level, family == AF_INET ? IP_TRANSPARENT : IPV6_TRANSPARENT, &one,
		       sizeof(one)) != 0)
		return -1;
	return setsockopt(fd, level, family == AF_INET ? IP_FREEBIND : IPV6_FREEBIND, &one,
			  sizeof(one));
}

/* A failure is only a warning, as it is in ztunnel: the connection then comes from the pod's own address. */
static void appear_as(int fd, const struct sockaddr_storage *source)
{
	struct sockaddr_storage any_port = *source;

	address_set_port(&any_port, 0);
	if (make_spoofable(fd, source->ss_family) != 0)
		perror("ztunnel: failed to set freebind");
	else if (bind(fd, (struct sockaddr *)&any_port, address_length(&any_port)) != 0)
		perror("ztunnel: failed to bind local addr");
}

int upstream_connect(int netns, const struct sockaddr_storage *source,
		     const struct sockaddr_storage *destination, int *error)
{
	int fd = netns_socket(netns, destination->ss_family, SOCK_STREAM), one = 1;

	if (fd < 0) {
		*error = errno;
		return -1;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (source && source->ss_family == destination->ss_family &&
	    !address_same_host(source, destination))
		appear_as(fd, source);
	if (connect(fd, (const struct sockaddr *)destination, address_length(destination)) != 0 &&
	    errno != EINPROGRESS) {
		*error = errno;
		close(fd);
		return -1;
	}
	return fd;
}
