// SPDX-License-Identifier: Apache-2.0
// What the rest of the observer knows of a pod and a namespace, whichever source named them.

/** `metadata.uid`; a static pod's is the hash that also names its cgroup. */
export type PodUid = string

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown'

/** Of one pod: there is room for as many of each, so that none takes another's. */
export const PROBE_PORTS = 32

export interface Pod {
  readonly uid: PodUid
  readonly namespace: string
  readonly name: string
  readonly serviceAccount: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly hostNetwork: boolean
  /** `status.podIPs`, or `status.podIP`; often empty for a second after the pod has addresses. */
  readonly ips: readonly string[]
  readonly phase: PodPhase
  readonly runtimeClass: string | undefined
  /** Ports that the kubelet dials, ascending; at most `PROBE_PORTS`. */
  readonly probePorts: readonly number[]
  /** Which version of the object this is; what is written to the API server is written over this one only. */
  readonly resourceVersion?: string | undefined
  /** Where the source found it: a file's path, or the API server's address of the object. */
  readonly origin: string
}

export interface Namespace {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

/** `namespace/name`, as logs and messages write it. */
export function podRef(pod: Pick<Pod, 'namespace' | 'name'>): string {
  return `${pod.namespace}/${pod.name}`
}
