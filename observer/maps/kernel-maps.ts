// SPDX-License-Identifier: Apache-2.0

import type { MapTypes } from '#contract'
import type { BpfMap } from '#native'

/** Every map of the contract by its name, typed from BTF. */
export type KernelMaps = {
  readonly [Name in keyof MapTypes]: BpfMap<MapTypes[Name]['key'], MapTypes[Name]['value']>
}
