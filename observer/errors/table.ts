// SPDX-License-Identifier: Apache-2.0
// Every error that an operator can meet: SLUICE_ERR_<AREA>_<WHAT>. docs/errors.md lists the same table; a test
// holds them together. Messages: lower case, noun first; the cause is appended.

export interface ErrorEntry {
  readonly message: string
  readonly remedy?: string
}

export const ERRORS = {
  SLUICE_ERR_AGENT_LOCKED: {
    message: 'another agent holds {path}',
    remedy: 'end the other agent first, or give this one a pinDirectory and a controlSocket of its own'
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
    remedy: 'run the agent as root with CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON and CAP_SYS_ADMIN'
  },
  SLUICE_ERR_HOOKS_ROLES: {
    message: 'more than {limit} ztunnels and agents are registered',
    remedy: 'end the ztunnels of former tests, or run sluice cleanup'
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
  SLUICE_ERR_KUBERNETES_ANSWER: {
    message: '{resource} cannot be followed at {server}',
    remedy: 'see whether the API server can be reached from here; until then what it said last stays in force'
  },
  SLUICE_ERR_KUBERNETES_CONFIG: {
    message: 'configuration of the API server ({path}) cannot be used',
    remedy: 'run the agent in a pod, or name a kubeconfig file with kubernetes.kubeconfig'
  },
  SLUICE_ERR_KUBERNETES_DENIED: {
    message: 'API server {server} denies access to {resource}',
    remedy: 'let the service account of the agent get, list and watch pods and namespaces, as its chart does'
  },
  SLUICE_ERR_KUBERNETES_OBJECT: {
    message: '{origin}: {problems}',
    remedy: 'none is known: report it with the object; until then what was known of it stays in force'
  },
  SLUICE_ERR_NETNS_ISTIO: {
    message: "istio-cni's own rules are in the pod: {found}",
    remedy:
      'remove istio-cni from the node and restart the pod: they send inbound connections to a port of ztunnel that nobody may dial'
  },
  SLUICE_ERR_NETNS_NO_ADDRESS: {
    message: 'pod has no address yet',
    remedy: 'none is needed while its network is set up; otherwise see the log of the CNI plugin'
  },
  SLUICE_ERR_NETNS_SYSCTLS: {
    message: 'sysctls are read-only and cannot be made writable',
    remedy: 'the agent needs CAP_SYS_ADMIN, and no AppArmor profile that forbids mounts'
  },
  SLUICE_ERR_NETNS_READ: {
    message: 'rules, routes and firewall of the pod cannot be read',
    remedy: 'the agent needs CAP_NET_ADMIN and CAP_SYS_ADMIN'
  },
  SLUICE_ERR_NETNS_ROUTING: {
    message: "pod's own policy routing conflicts with ours: {found}",
    remedy: 'change the rule, or set steering.priority, steering.mark or steering.table apart from it'
  },
  SLUICE_ERR_NETNS_PREPARE: {
    message: 'rules and routes of the pod cannot be made',
    remedy: 'the agent needs CAP_NET_ADMIN, CAP_SYS_ADMIN and a writable /proc/sys'
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
  },
  SLUICE_ERR_POD_UNKNOWN: {
    message: 'pod is enrolled before it is known',
    remedy: 'this is a defect of Sluice: please report it'
  },
  SLUICE_ERR_ZTUNNEL_NOT_LISTENING: {
    message: 'ztunnel has acknowledged pod {pod} but does not listen on {ports} there',
    remedy:
      'restart ztunnel, or let the agent take its listeners: CAP_SYS_PTRACE, the pid namespace of the host'
  },
  SLUICE_ERR_ZTUNNEL_NOT_TRANSPARENT: {
    message: 'ztunnel has listeners on {ports} in pod {pod} that are not transparent',
    remedy: 'remove ENABLE_ORIG_SRC=false from the environment of ztunnel'
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
  SLUICE_ERR_CLEANUP_AGENT_RUNNING: {
    message: 'agent answers on {path}, and would make again what cleanup removes',
    remedy: 'stop the agent first, or use --force'
  },
  SLUICE_ERR_CONFIG_FILE: {
    message: 'configuration file {path} cannot be read',
    remedy:
      'mend its path (--config, SLUICE_CONFIG) or its permissions; without either name the file is optional'
  },
  SLUICE_ERR_CONFIG_INVALID: {
    message: 'configuration is not accepted:\n  {problems}',
    remedy:
      'each line names the setting, where its value came from and what is accepted; see docs/configuration.md'
  },
  SLUICE_ERR_CONTROL_ANSWER: {
    message: 'control socket {path} gives no answer that can be used',
    remedy: "look at the agent's log; use the sluice of the same version as the agent"
  },
  SLUICE_ERR_CONTROL_BUSY: {
    message: 'control socket {path} is served by another agent',
    remedy:
      'a node has one agent: stop the other, or give this one its own controlSocket, pinDirectory and zds.socket'
  },
  SLUICE_ERR_CONTROL_NO_AGENT: {
    message: 'no agent listens on {path}',
    remedy: 'start `sluice agent`, or name its socket with --control-socket'
  },
  SLUICE_ERR_CONTROL_SOCKET: {
    message: 'control socket {path} cannot be served',
    remedy: 'name a path that can be written with controlSocket'
  },
  SLUICE_ERR_MANIFEST_DIRECTORY: {
    message: 'manifest directory {path} cannot be read',
    remedy: 'create it, or name another with manifest.directory'
  },
  SLUICE_ERR_MANIFEST_DUPLICATE: {
    message: '{origin}: {object} is defined in {other} already',
    remedy: 'remove one of the two; until then the first counts, by file name and then by document'
  },
  SLUICE_ERR_MANIFEST_FIELD: {
    message: '{origin}: {problems}',
    remedy: 'correct the field; until then what this file said before stays in force'
  },
  SLUICE_ERR_MANIFEST_FILE: {
    message: '{origin}: file cannot be read',
    remedy: 'correct its permissions; until then what this file said before stays in force'
  },
  SLUICE_ERR_MANIFEST_KIND: {
    message: '{origin}: {problem}',
    remedy: 'give apiVersion: v1 and kind: Pod or Namespace; other kinds are allowed and ignored'
  },
  SLUICE_ERR_MANIFEST_SYNTAX: {
    message: '{origin}: line {line}, column {column} is not YAML',
    remedy: 'correct it; until then what this file said before stays in force'
  },
  SLUICE_ERR_MANIFEST_UID: {
    message: '{origin}: pod {pod} has no metadata.uid',
    remedy: 'add metadata.uid, or the annotation kubernetes.io/config.hash if it is a static pod'
  },
  SLUICE_ERR_METRICS_LISTEN: {
    message: 'metrics cannot be served on {address}',
    remedy: 'name another address with metrics.address, or 0 for none'
  },
  SLUICE_ERR_PAUSE_NOTHING: {
    message: 'no agent has pinned anything below {path}, so there is nothing to pause or resume',
    remedy: 'start an agent of this version first, or name its pins with --bpffs and --pin-directory'
  },
  SLUICE_ERR_PAUSE_WRITE: {
    message: 'pinned map {path} cannot be written',
    remedy: 'run as root on the node itself'
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
  }
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERRORS
