// SPDX-License-Identifier: Apache-2.0
// What a ztunnel should never do, for the tests of an agent that meets one: STAND_IN_FAULT.
#ifndef FAULT_H
#define FAULT_H

#include <stdbool.h>

/*
 * no-hello, garbage-hello, hang (no ack), garbage (as the ack), nack (every Add), close (instead of an ack), own-mark
 * (on what it accepts of a pod's egress, whatever mark the agent gave it)
 */
bool fault(const char *name);

#endif
