// SPDX-License-Identifier: Apache-2.0
// `sluice cleanup`: takes back everything that agents have made on this node, whatever state they left it in.

import { existsSync, rmdirSync, rmSync, unlinkSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { BpfMap, Link, NativeError, Netns, SeqpacketConnection } from '#native'
import type { Config } from './config/schema.ts'
import { causeText, SluiceError } from './errors/error.ts'
import { pinnedNames, pinnedVersions, pinPaths } from './maps/pin-paths.ts'
import { planNetns } from './netns/plan.ts'
import { everyNetns } from './netns/search.ts'
import { makeSysctlsWritable } from './netns/sysctls.ts'
import { removeTraces, tracesIn } from './netns/traces.ts'

export type Removed = Record<'links' | 'maps' | 'rules and routes' | 'sockets', number>

/**
 * Pods first: their connections pass before the routing that marked ones need is gone.
 * @returns what was removed, by kind
 * @throws SluiceError SLUICE_ERR_CLEANUP_INCOMPLETE, after everything else is removed
 */
export async function cleanup(config: Config, log: Logger): Promise<Removed> {
  const { root } = pinPaths(config)
  const versions = pinnedVersions(root)
  const own = versions.flatMap(({ links }) => lookupNetns(links))
  const removed: Removed = { links: 0, 'rules and routes': 0, maps: 0, sockets: 0 }
  for (const { links } of versions) removed.links += unpinAll(links)
  const { restored, failed } = await restoreAll(config, new Set(own), log)
  removed['rules and routes'] = restored
  for (const { maps } of versions) removed.maps += unpinAll(maps)
  for (const { version } of versions) rmdirSync(version)
  if (existsSync(root)) rmdirSync(root)
  const { controlSocket, zds } = config
  const taken = isServed(zds.socket)
  if (taken) log.warn({ path: zds.socket }, 'somebody else serves ztunnel there: its socket stays')
  for (const path of [controlSocket, `${controlSocket}.lock`, ...(taken ? [] : [zds.socket])]) {
    if (!existsSync(path)) continue
    rmSync(path)
    removed.sockets++
  }
  if (failed > 0) throw new SluiceError('SLUICE_ERR_CLEANUP_INCOMPLETE', { failed })
  return removed
}

/** istio-cni may be on the node again: without its socket the next ztunnel finds nobody. */
function isServed(socket: string): boolean {
  if (!existsSync(socket)) return false
  try {
    SeqpacketConnection.connect(socket).close()
    return true
  } catch (error) {
    if (!(error instanceof NativeError)) throw error
    return error.errno !== constants.errno.ECONNREFUSED
  }
}

function unpinAll(directory: string): number {
  const names = pinnedNames(directory)
  for (const name of names) unlinkSync(join(directory, name))
  if (existsSync(directory)) rmdirSync(directory)
  return names.length
}

/** Inodes of the namespaces that have a pinned listener lookup; one that is gone took everything in it along. */
function lookupNetns(links: string): number[] {
  return pinnedNames(links).flatMap((name) =>
    name.startsWith('lookup@') ? (inodeOf(join(links, name)) ?? []) : []
  )
}

function inodeOf(path: string): number | undefined {
  using link = Link.openPinned(path)
  try {
    return link.info().netnsInode
  } catch (error) {
    if (error instanceof NativeError) return undefined
    throw error
  }
}

/** Cookies of the namespaces that agents with pins of their own look after, from the first step of an enrolment on. */
function othersNetns({ bpffs, pinDirectory }: Config): ReadonlySet<bigint> {
  const others = pinnedNames(bpffs).filter((name) => name !== pinDirectory)
  const versions = others.flatMap((name) => pinnedVersions(join(bpffs, name)))
  return new Set(versions.flatMap(({ maps }) => knownNetns(join(maps, 'netns_pod'))))
}

function knownNetns(path: string): bigint[] {
  if (!existsSync(path)) return []
  using map = BpfMap.openPinned<bigint, unknown>(path)
  return map.keys()
}

/** @param own namespaces whose lookup was ours; those that lost theirs are found by what is in them */
async function restoreAll(
  config: Config,
  own: ReadonlySet<number>,
  log: Logger
): Promise<Record<'restored' | 'failed', number>> {
  const all = everyNetns()
  const lost = [...own].filter((inode) => !all.has(inode))
  if (lost.length > 0)
    log.warn({ netns: lost }, 'network namespaces have no process and no name: they were skipped')
  const count = { restored: 0, failed: 0 }
  for (const [inode, path] of all) {
    try {
      if (await restore(path, config)) count.restored++
    } catch (error) {
      if (isGone(error)) continue
      count.failed++
      log.warn({ netns: inode, path, err: causeText(error) }, 'rules and routes could not be removed')
    }
  }
  return count
}

/** Its last process ended since it was found. */
function isGone(error: unknown): boolean {
  return error instanceof NativeError && error.code === 'SLUICE_NATIVE_ENETNS_GONE'
}

/** @returns whether there was anything */
async function restore(path: string, config: Config): Promise<boolean> {
  const { steering } = config
  using netns = Netns.open(path)
  const traces = await tracesIn(netns, steering)
  if (traces === undefined) return false
  const [cookie] = await netns.run([{ op: 'cookie' }])
  if (othersNetns(config).has(cookie)) return false
  makeSysctlsWritable()
  const ipv6Supported = existsSync('/proc/sys/net/ipv6')
  const { sysctls } = planNetns(steering, { ipv4: undefined, ipv6: undefined, ipv6Supported })
  // The kernel's defaults: what they were before nobody remembers.
  await removeTraces(
    netns,
    traces,
    sysctls.map(({ name }) => ({ name, value: '0' }))
  )
  return true
}
