// SPDX-License-Identifier: Apache-2.0
#ifndef NETNS_H
#define NETNS_H

enum {
	PACKET_MARK = 0x539, /* of every socket that ztunnel makes in a pod */
};

void netns_remember_own(void);
/* A non-blocking SOCK_STREAM or SOCK_DGRAM made in that network namespace, marked; -1 and errno. */
int netns_socket(int netns, int family, int type);

#endif
