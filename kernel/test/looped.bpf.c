/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* lookup as it decides for what came in over lo: a test run cannot name an interface, it always has index 0. */
#include "kernel.bpf.h"

#define LOOPBACK_IFINDEX 0

#include "../lookup.bpf.c"
