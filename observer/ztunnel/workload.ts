// SPDX-License-Identifier: Apache-2.0
// What is handed to ztunnel, and who ztunnel is.

export interface Workload {
  readonly uid: string
  readonly name: string
  readonly namespace: string
  readonly serviceAccount: string
  /** Owned by the caller; valid from the offer until the withdrawal, or until another offer of this uid. */
  readonly netnsFd: number
}

/** A workload and the identity of its network namespace. The registry compares offers by reference. */
export interface Offer extends Omit<Workload, 'netnsFd'> {
  readonly netns: string
  /** The last descriptor that the caller gave for this netns. */
  netnsFd: number
}

export interface Cgroup {
  readonly id: bigint
  /** Absolute: below the mount point of cgroup2. */
  readonly path: string
  /** The cgroup2 root is level 0. */
  readonly level: number
}

export interface ZtunnelInfo {
  /** Counts connections: a ztunnel that comes back has another. */
  readonly id: number
  readonly pid: number
  readonly cgroup: Cgroup
  /** Milliseconds since the epoch. */
  readonly connectedAt: number
  /** The process that connected still lives: its pid is nobody else's. */
  readonly isAlive: () => boolean
}
