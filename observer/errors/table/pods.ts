// SPDX-License-Identifier: Apache-2.0
// A pod and its ztunnel.

import type { ErrorEntry } from './entry.ts'

export const POD_ERRORS = {
  SLUICE_ERR_NETNS_ISTIO: {
    message: "istio-cni's own rules are in the pod: {found}",
    remedy:
      'remove istio-cni from the node and restart the pod: they send inbound connections to a port of ztunnel that nobody may dial'
  },
  SLUICE_ERR_NETNS_NO_ADDRESS: {
    message: 'pod has no address yet',
    remedy: 'none is needed while its network is set up; otherwise see the log of the CNI plugin'
  },
  SLUICE_ERR_NETNS_PREPARE: {
    message: 'rules and routes of the pod cannot be made',
    remedy: 'the agent needs CAP_NET_ADMIN, CAP_SYS_ADMIN and a writable /proc/sys'
  },
  SLUICE_ERR_NETNS_READ: {
    message: 'rules, routes and firewall of the pod cannot be read',
    remedy: 'the agent needs CAP_NET_ADMIN and CAP_SYS_ADMIN'
  },
  SLUICE_ERR_NETNS_ROUTING: {
    message: "pod's own policy routing conflicts with ours: {found}",
    remedy: 'change the rule, or set steering.priority, steering.mark or steering.table apart from it'
  },
  SLUICE_ERR_NETNS_SYSCTLS: {
    message: 'sysctls are read-only and cannot be made writable',
    remedy: 'the agent needs CAP_SYS_ADMIN, and no AppArmor profile that forbids mounts'
  },
  SLUICE_ERR_NETNS_TOO_LARGE: {
    message: 'pod has more rules, routes, addresses or firewall than is read of one',
    remedy:
      'see what makes them there, and whether it needs CAP_NET_ADMIN: 1 MiB of routing and 8 MiB of a firewall are read'
  },
  SLUICE_ERR_POD_UNKNOWN: {
    message: 'pod is enrolled before it is known',
    remedy: 'this is a defect of Sluice: please report it'
  },
  SLUICE_ERR_ZDS_CLOSED: {
    message: 'ZDS server was closed before ztunnel had answered for pod {pod}',
    remedy: 'none is needed: the agent is ending, and the next one offers the pod again'
  },
  SLUICE_ERR_ZDS_GARBAGE: {
    message: 'ztunnel sent {bytes} bytes that are not {expected}',
    remedy: 'compare the versions of ztunnel and of the agent; the protocol is that of Istio 1.21 and later'
  },
  SLUICE_ERR_ZDS_LISTEN: {
    message: 'ZDS socket {path} cannot be opened',
    remedy: 'make sure that its directory exists and that no other agent (istio-cni) serves it'
  },
  SLUICE_ERR_ZDS_NACK: {
    message: 'ztunnel refused pod {pod}',
    remedy: 'see the log of ztunnel; the pod is offered again later'
  },
  SLUICE_ERR_ZDS_NETNS: {
    message: 'network namespace of pod {pod} cannot be handed to ztunnel',
    remedy: 'none is needed if the pod has just ended; otherwise it is offered again when its netns is found'
  },
  SLUICE_ERR_ZDS_PENDING: {
    message: 'ztunnel could not start its listeners in pod {pod} and tries again every 5 s',
    remedy: 'see whether something else in the pod listens on 15001, 15006, 15008 or 15053'
  },
  SLUICE_ERR_ZDS_TOO_LONG: {
    message: 'ZDS message about pod {pod} has {bytes} bytes, and ztunnel reads {limit}',
    remedy: 'shorten the names of the pod, its namespace or its service account'
  },
  SLUICE_ERR_ZDS_WITHDRAWN: {
    message: 'pod {pod} was withdrawn or offered anew before ztunnel had answered',
    remedy: 'none is needed: the pod has left, or has a new network namespace'
  },
  SLUICE_ERR_ZTUNNEL_NOT_LISTENING: {
    message: 'ztunnel has acknowledged pod {pod} but does not listen on {ports} there',
    remedy:
      'restart ztunnel, or let the agent take its listeners: CAP_SYS_PTRACE, the pid namespace of the host'
  },
  SLUICE_ERR_ZTUNNEL_NOT_TRANSPARENT: {
    message: 'ztunnel has listeners on {ports} in pod {pod} that are not transparent',
    remedy: 'remove ENABLE_ORIG_SRC=false from the environment of ztunnel'
  }
} as const satisfies Record<string, ErrorEntry>
