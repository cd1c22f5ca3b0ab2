/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a pod with CAP_BPF and CAP_NET_ADMIN may attach to its own lo: what goes there leaves by another device. */
#include "kernel.bpf.h"

/* The socket's priority names the device. */
SEC("tc")
int divert(struct __sk_buff *packet)
{
	packet->mark = 0;
	return bpf_redirect_neigh(packet->priority, NULL, 0, 0);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
