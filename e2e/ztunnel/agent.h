// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_H
#define AGENT_H

/* Dials the node agent at this path, again and again, and does what it says. */
void agent_follow(const char *path);

#endif
