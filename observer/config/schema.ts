// SPDX-License-Identifier: Apache-2.0
// Every setting, once: the file, the environment, the flags and docs/configuration.md are read off this.

import * as z from 'zod'
import {
  addresses,
  choice,
  duration,
  flag,
  integer,
  listenAddress,
  namespaceName,
  namespaceNames,
  objectName,
  objectNames,
  optionalNamespaceName,
  optionalObjectName,
  optionalPath,
  path,
  paths,
  pinName,
  socketPath
} from './fields.ts'
import { steering } from './steering.ts'

/** ztunnel.cgroup, manifest.directory and the like: a mapping whose settings all have defaults. */
function group<T extends z.ZodRawShape>(shape: T) {
  return z.strictObject(shape).prefault({} as never)
}

const powerOfTwo = (value: number) => Number.isInteger(Math.log2(value))

export const MODES = ['enforce', 'observe'] as const
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const

export const schema = z.strictObject({
  mode: choice(
    MODES,
    'enforce',
    'observe: every connection passes, and the agent tells which pods and connections it would steer or hold.'
  ),
  source: choice(['manifest', 'kubernetes'], 'manifest', 'Where pods and namespaces come from.'),
  manifest: group({
    directory: path(
      '/etc/sluice/manifests',
      'The manifest source reads Namespace and Pod YAML here and watches it.'
    )
  }),
  kubernetes: group({
    kubeconfig: optionalPath(
      "A kubeconfig file. Unset: what KUBECONFIG names, or the service account of the agent's pod."
    ),
    nodeName: optionalObjectName(
      'This node, as the API server calls it. Unset: NODE_NAME in the environment, or the host name.'
    ),
    namespace: optionalNamespaceName(
      "Namespace of the agent's own pod. Unset: that of its service account or context."
    ),
    serviceAccount: objectName(
      'sluice',
      "Service account of the agent's own pod, which is never in the mesh."
    ),
    daemonSet: objectName(
      'sluice',
      'The DaemonSet that the agent belongs to: when it is gone, an agent that ends takes back what it has made.'
    )
  }),
  cgroupRoots: paths(
    "Cgroups whose children are pods, as paths below the cgroup2 mount. Empty: found by their names, kubepods*, where they are root's."
  ),
  bpffs: path('/sys/fs/bpf', 'Where the BPF file system is mounted; the agent mounts it if it is not.'),
  pinDirectory: pinName(
    'sluice',
    'Directory below bpffs for the pinned maps and links. A subdirectory v<layout> is added.'
  ),
  zds: group({
    socket: socketPath(
      '/var/run/ztunnel/ztunnel.sock',
      'Unix socket on which ztunnel asks for the pods of this node.'
    )
  }),
  ztunnel: group({
    namespace: namespaceName('istio-system', 'Namespace of the only pods that may be ztunnel.'),
    serviceAccount: objectName('ztunnel', 'Service account of the only pods that may be ztunnel.'),
    cgroup: optionalPath(
      'Manifest source: the cgroup in which ztunnel runs. Unset: a pod of the manifests is ztunnel.'
    )
  }),
  kubelet: group({
    exempt: flag(true, "Whether the kubelet's probes reach pods of the mesh past ztunnel."),
    cgroup: optionalPath("The cgroup that is the kubelet's alone. Unset: found by its process."),
    addresses: addresses(
      "Only where the network translates the kubelet's address: from these, the ports that a pod's probes name (the lowest 32) are reached past ztunnel, by whoever has such an address."
    )
  }),
  dnsCapture: flag(
    true,
    "Whether port 53 of pods of the mesh goes to ztunnel's resolver; a pod's annotation may differ."
  ),
  excludeNamespaces: namespaceNames(['kube-system'], 'Namespaces that are never in the mesh.'),
  allowPodOptOut: flag(
    true,
    'Whether a pod may say that it is not in the mesh; if not, its wish is only a warning. A pod with the annotation sidecar.istio.io/status is outside either way, as in Istio: have admission refuse it where nothing injects sidecars.'
  ),
  unsupportedRuntimeClasses: objectNames(
    ['gvisor', 'runsc', 'kata'],
    'Runtime classes, by their names, whose pods have a kernel of their own and are never enrolled: kata stands for kata-qemu and the like too. Name the defaults as well if you set it.'
  ),
  strict: flag(false, 'Hold new pods even while no agent runs, and running pods until they are enrolled.'),
  nestedNetns: choice(
    ['refuse', 'pass'],
    'refuse',
    'Connections out of a network namespace that an enrolled pod made itself (Docker in a pod).'
  ),
  holdWarning: duration('5s', 'Warn about a pod of which the source has not heard for so long.', {
    min: '100ms'
  }),
  heartbeatStale: duration(
    '30s',
    'An agent silent for so long counts as dead: new pods pass again unless strict.',
    {
      min: '1s'
    }
  ),
  drainTimeout: duration('30s', 'How long a pod that leaves may keep its proxied connections.', {
    min: '100ms',
    off: true
  }),
  establishedConnections: choice(
    ['leave', 'reset'],
    'leave',
    'What happens to the connections that a pod has when it joins.'
  ),
  scanInterval: duration('60s', 'How often all cgroups are scanned for pods that no event has told of.', {
    min: '100ms',
    off: true
  }),
  processEvents: flag(
    true,
    "Follow the kernel's process events. Off only for tests and diagnosis: scans are left."
  ),
  verifyInterval: duration('5s', 'How often everything that the agent made for a pod is looked at again.', {
    min: '100ms'
  }),
  maxPods: integer(4096, 'Pods that fit into the maps. When they are full, further pods are held.', {
    min: 1,
    max: 1_000_000
  }),
  maxConnections: integer(
    65_536,
    'Connections of ztunnel to applications that fit into the map while they are made.',
    {
      min: 64,
      max: 16_777_216
    }
  ),
  ringBufferBytes: integer(262_144, 'Size of the ring buffer for process events.', {
    min: 4096,
    max: 67_108_864,
    also: 'a power of two and a multiple of the page size',
    test: powerOfTwo
  }),
  steering: steering.prefault({}),
  controlSocket: socketPath(
    '/run/sluice/sluice.sock',
    'Unix socket on which the agent answers `sluice status`.'
  ),
  metrics: group({
    address: listenAddress(
      '127.0.0.1:15014',
      'Where /metrics, /livez and /readyz are served, over plain HTTP and to whoever can reach it.'
    )
  }),
  log: group({
    level: choice(
      LOG_LEVELS,
      'info',
      'The least severe lines that are logged; `sluice log-level` changes it.'
    ),
    format: choice(['json', 'text'], 'json', 'JSON for machines, text for people.')
  })
})

type Frozen<T> = T extends readonly unknown[]
  ? readonly T[number][]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T

/** Durations are milliseconds; 0 is off. */
export type Config = Frozen<z.output<typeof schema>>
