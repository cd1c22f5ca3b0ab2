// SPDX-License-Identifier: Apache-2.0
#ifndef DESTINATION_H
#define DESTINATION_H

#include <sys/socket.h>

/* Where an accepted connection was going: SO_ORIGINAL_DST (IPv4's, then IPv6's), else its local address. */
void destination_find(int fd, struct sockaddr_storage *destination);
/* The pod behind a service's address, by STAND_IN_SERVICES="VIP=POD,VIP=POD"; others stay as they are. */
void destination_resolve(struct sockaddr_storage *destination);

#endif
