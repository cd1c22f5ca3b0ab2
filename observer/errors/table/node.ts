// SPDX-License-Identifier: Apache-2.0
// What the node is, and what the kernel takes and keeps.

import type { ErrorEntry } from './entry.ts'

export const NODE_ERRORS = {
  SLUICE_ERR_AGENT_LOCKED: {
    message: 'another agent holds {path}',
    remedy: 'end the other agent first, or give this one a pinDirectory and a controlSocket of its own'
  },
  SLUICE_ERR_CGROUP_DEPTH: {
    message: 'kubepods cgroup {path} lies {levels} or more levels below another one: its pods are not served',
    remedy: 'name the cgroups whose pods are to be served in cgroupRoots'
  },
  SLUICE_ERR_CGROUP_NONE: {
    message: 'no cgroup file system is mounted',
    remedy: "mount the node's /sys/fs/cgroup into the agent's container"
  },
  SLUICE_ERR_CGROUP_PER_QOS: {
    message:
      'no kubepods cgroup exists, but container {path} does: kubelet runs with --cgroups-per-qos=false',
    remedy:
      "set cgroupsPerQOS: true in the kubelet's configuration: without pod cgroups nobody knows whose process it is"
  },
  SLUICE_ERR_CGROUP_PLACE: {
    message: 'the agent is not below the cgroup mount {path}',
    remedy: "mount the node's whole /sys/fs/cgroup into the agent's container, and set hostPID: true"
  },
  SLUICE_ERR_CGROUP_RIVAL: {
    message: 'cgroup {path} has the name of pod {uid}, which lives in {living}: what runs there is refused',
    remedy: 'remove the cgroup: kubelet makes one for each pod'
  },
  SLUICE_ERR_CGROUP_ROOT: {
    message: 'cgroup root {path} cannot be used',
    remedy: 'name directories below the cgroup2 mount with cgroupRoots, or leave it empty to have them found'
  },
  SLUICE_ERR_CGROUP_V1: {
    message: 'only cgroup v1 is mounted, and sluice needs cgroup v2',
    remedy: 'boot the node with systemd.unified_cgroup_hierarchy=1, or mount cgroup2 beside v1'
  },
  SLUICE_ERR_HOOKS_ATTACH: {
    message: '{program} cannot be attached as {path}',
    remedy: 'sluice check names what this node lacks'
  },
  SLUICE_ERR_HOOKS_LOAD: {
    message: 'kernel object {file} cannot be loaded',
    remedy: 'sluice check names what this kernel lacks'
  },
  SLUICE_ERR_HOOKS_MISSING: {
    message: 'no kernel objects are beside the command',
    remedy: 'run make build, or install sluice.mjs together with its folder kernel'
  },
  SLUICE_ERR_HOOKS_PERMISSION: {
    message: 'kernel object {file} may not be loaded',
    remedy: 'run the agent as root with CAP_NET_ADMIN, CAP_SYS_ADMIN and CAP_SYS_PTRACE'
  },
  SLUICE_ERR_HOOKS_ROLES: {
    message: 'more than {limit} ztunnels and agents are registered',
    remedy: 'end those that the node does not need; sluice cleanup forgets those whose cgroups are gone'
  },
  SLUICE_ERR_KUBELET_PODS: {
    message: "cgroup {path}, said to be the kubelet's, is a pod's or holds pods",
    remedy: "name the kubelet's own cgroup in kubelet.cgroup: until then its probes go through ztunnel"
  },
  SLUICE_ERR_KUBELET_ROOT: {
    message: 'kubelet runs in the root cgroup, which every process of the node shares',
    remedy:
      'run the kubelet as a service, or in a cgroup of its own: until then its probes go through ztunnel'
  },
  SLUICE_ERR_KUBELET_SHARED: {
    message: 'cgroup {path} of the kubelet also holds {programs}',
    remedy: 'give the kubelet a cgroup of its own: until then its probes go through ztunnel'
  },
  SLUICE_ERR_NODE_BPFFS: {
    message: 'node has no BPF file system at {path}',
    remedy:
      'mount it on the node, `mount -t bpf bpf /sys/fs/bpf`: one that the agent mounts in its container ends with it'
  },
  SLUICE_ERR_PINNED_STATE: {
    message: 'pinned state {path} cannot be read',
    remedy:
      'run as root on the node itself; a directory of another version is removed by the sluice that made it'
  },
  SLUICE_ERR_PINS_LAYOUT: {
    message: 'programs in {path} steer by layout {found}, and this build has layout {wanted}',
    remedy:
      'start the version that made them, or run sluice cleanup: pods then leave the mesh until this build enrols them'
  },
  SLUICE_ERR_PINS_MAPS: {
    message: 'pinned maps in {path} are not those of this build',
    remedy:
      'start the build that made them, or run sluice cleanup: pods then leave the mesh until this build enrols them'
  }
} as const satisfies Record<string, ErrorEntry>
