// SPDX-License-Identifier: Apache-2.0
// `sluice cleanup`: takes back everything that agents have made on this node, whatever state they left it in.

import { existsSync, readdirSync, rmdirSync, rmSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Pod } from '#contract'
import { BpfMap, Link, NativeError, Netns } from '#native'
import type { Config } from './config/schema.ts'
import { causeText } from './errors/error.ts'
import { pinnedNames } from './hooks/attachment.ts'
import { addressText } from './maps/address.ts'
import { pinPaths } from './maps/pin-paths.ts'
import { planNetns, removing } from './netns/plan.ts'
import { netnsByInode } from './netns/search.ts'
import { makeSysctlsWritable } from './netns/sysctls.ts'

export type Removed = Record<'links' | 'maps' | 'rules and routes' | 'sockets', number>

/**
 * Pods first: their connections pass before the routing that marked ones need is gone.
 * @returns what was removed, by kind
 */
export async function cleanup(config: Config, log: Logger): Promise<Removed> {
  const pins = pinPaths(config)
  const removed: Removed = { links: 0, 'rules and routes': 0, maps: 0, sockets: 0 }
  const lookups = pinnedNames(pins.links).filter((name) => name.startsWith('lookup@'))
  const inodes = new Map(
    lookups.map((name) => [BigInt(name.split('@')[1] ?? 0), inodeOf(join(pins.links, name))])
  )
  for (const name of pinnedNames(pins.links)) {
    unlinkSync(join(pins.links, name))
    removed.links++
  }
  removed['rules and routes'] = await restoreAll(config, inodes, addressesOf(pins.maps), log)
  for (const name of pinnedNames(pins.maps)) {
    unlinkSync(join(pins.maps, name))
    removed.maps++
  }
  for (const directory of [pins.links, pins.maps, pins.version]) removeEmpty(directory)
  if (existsSync(pins.root) && readdirSync(pins.root).length === 0) rmdirSync(pins.root)
  else if (existsSync(pins.root))
    log.warn({ path: pins.root }, 'another version of Sluice has left its pins there')
  for (const path of [config.controlSocket, `${config.controlSocket}.lock`, config.zds.socket]) {
    if (!existsSync(path)) continue
    rmSync(path)
    removed.sockets++
  }
  return removed
}

/** Undefined: the namespace is gone, and took everything in it along. */
function inodeOf(path: string): number | undefined {
  using link = Link.openPinned(path)
  try {
    return link.info().netnsInode
  } catch (error) {
    if (error instanceof NativeError) return undefined
    throw error
  }
}

function addressesOf(maps: string): ReadonlyMap<bigint, Pod> {
  const path = join(maps, 'netns_pod')
  if (!existsSync(path)) return new Map()
  using map = BpfMap.openPinned<bigint, Pod>(path)
  return new Map(map.entries())
}

async function restoreAll(
  { steering }: Config,
  inodes: ReadonlyMap<bigint, number | undefined>,
  pods: ReadonlyMap<bigint, Pod>,
  log: Logger
): Promise<number> {
  if (inodes.size > 0) makeSysctlsWritable()
  const wanted = new Set([...inodes.values()].filter((inode) => inode !== undefined))
  const paths = netnsByInode(wanted)
  let restored = 0
  for (const [cookie, inode] of inodes) {
    const path = inode === undefined ? undefined : paths.get(inode)
    const [ipv4, ipv6] = pods.get(cookie)?.ip.map(addressText) ?? []
    const plan = planNetns(steering, { ipv4, ipv6, ipv6Supported: existsSync('/proc/sys/net/ipv6') })
    try {
      if (path === undefined) {
        if (inode !== undefined)
          log.warn({ netns: String(cookie) }, 'network namespace has no process and no name: skipped')
        continue
      }
      using netns = Netns.open(path)
      await netns.run(
        removing(
          plan,
          plan.sysctls.map(({ name }) => ({ name, value: '0' }))
        )
      )
      restored++
    } catch (error) {
      log.warn(
        { netns: String(cookie), err: causeText(error) },
        'rules and routes of a pod could not be removed'
      )
    }
  }
  return restored
}

function removeEmpty(directory: string): void {
  if (existsSync(directory)) rmdirSync(directory)
}
