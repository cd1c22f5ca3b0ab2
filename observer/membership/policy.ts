// SPDX-License-Identifier: Apache-2.0

/** A component of the mesh, recognised by where it runs and as whom: a label alone can be worn by anybody. */
export interface ComponentIdentity {
  readonly namespace: string
  readonly serviceAccount: string
}

export interface SelectionPolicy {
  readonly excludeNamespaces: readonly string[]
  /** False: what a pod itself says against the mesh is a warning, not an order. */
  readonly allowPodOptOut: boolean
  readonly ztunnel: ComponentIdentity
  /** Whether port 53 goes to ztunnel's resolver where the pod does not say. */
  readonly dnsCapture: boolean
  /** This agent, where it runs as a pod. */
  readonly agent?: ComponentIdentity | undefined
  /** An entry names a class and every class `<entry>-…`: `kata` covers `kata-qemu`. */
  readonly unsupportedRuntimeClasses: readonly string[]
}
