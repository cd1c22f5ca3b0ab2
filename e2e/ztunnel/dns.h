// SPDX-License-Identifier: Apache-2.0
// ztunnel's resolver in a pod, on loopback :15053. STAND_IN_DNS=off: there is none. STAND_IN_RESOLVER=ADDR: names
// outside the cluster are asked there, as a ztunnel does with its own resolv.conf; without it every name has an answer.
#ifndef DNS_H
#define DNS_H

#include "workload.h"

struct dns;

/* 0, or -1 and errno. Without IPv6 on lo it listens on IPv4 alone. */
int dns_open(struct workload *workload);
void dns_close(struct workload *workload);

#endif
