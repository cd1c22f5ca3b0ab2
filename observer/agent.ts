// SPDX-License-Identifier: Apache-2.0
// The composition root of `sluice agent`: reads nothing from the environment, makes every part, joins them.

import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { FileLock, SeqpacketServer } from '#native'
import { Agent } from './agent/agent.ts'
import type { Cluster } from './agent/cluster.ts'
import { KernelSide } from './agent/kernel-side.ts'
import { surveyNode } from './agent/node.ts'
import { Retirement } from './agent/retirement.ts'
import type { Config } from './config/schema.ts'
import { SluiceError } from './errors/error.ts'
import { kernelObjects } from './hooks/object-files.ts'
import { pinPaths } from './maps/pin-paths.ts'
import { EffectClock } from './metrics/effect-clock.ts'
import type { Facts } from './metrics/facts.ts'
import type { OpenMetrics } from './metrics/open.ts'
import { manifestSource } from './sources/manifest/manifest.ts'

/** The API server is told no longer than this that pods are captured no more. */
const WITHDRAWAL_MS = 5_000

/**
 * Runs until SIGTERM or SIGINT. What it has made in the kernel stays: the next agent takes it over, and
 * `sluice cleanup` removes it, as does an agent whose DaemonSet was deleted.
 *
 * @throws SluiceError for what keeps it from starting
 */
export async function runAgent(config: Config, log: Logger): Promise<void> {
  // From here on: an uninstall may come while the agent starts, and is heeded after that.
  const stop = stopRequested()
  mkdirSync(dirname(config.controlSocket), { recursive: true })
  mkdirSync(dirname(config.zds.socket), { recursive: true })
  using _socket = lockOf(`${config.controlSocket}.lock`)
  const directory = kernelObjects()
  if (directory === undefined) throw new SluiceError('SLUICE_ERR_HOOKS_MISSING')
  using cluster = await clusterOf(config, log)
  const surveyed = await surveyNode(config.bpffs)
  const pins = pinPaths(config)
  mkdirSync(pins.root, { recursive: true })
  using _pins = lockOf(pins.root)
  const kernel = new KernelSide(directory, pins, surveyed, config)
  const node = { ...surveyed, cgroup2: kernel.levelled(surveyed.cgroup2) }
  const clock = new EffectClock()
  const retirement = new Retirement(cluster?.source ?? manifestSource(config.manifest.directory))
  await using running = new AsyncDisposableStack()
  const agent = new Agent({
    config,
    clock,
    log,
    node,
    kernel,
    source: retirement.source,
    identity: cluster?.identity,
    publish: cluster && ((move) => cluster.publisher.heard(move)),
    listen: (path, options, onConnection) => SeqpacketServer.listen(path, options, onConnection)
  })
  running.defer(() => agent.close())
  running.adopt(await metricsOf(config, () => agent.facts, clock, log), (metrics) => metrics?.close())
  await agent.start()
  await Promise.race([stop, agent.failure])
  const uninstalled = (await cluster?.isUninstalled()) ?? false
  if (uninstalled) {
    await retirement.complete(() => agent.facts.states, config.drainTimeout, log)
    await within(WITHDRAWAL_MS, cluster?.publisher.settled())
  } else log.info('agent ends; pods stay steered')
  await running.disposeAsync()
  if (uninstalled) await takeBack(config, log)
}

async function clusterOf(config: Config, log: Logger): Promise<Cluster | undefined> {
  if (config.source !== 'kubernetes') return undefined
  const { openCluster } = await import('./agent/cluster.ts')
  return openCluster(config, log)
}

async function takeBack(config: Config, log: Logger): Promise<void> {
  const { cleanup } = await import('./cleanup.ts')
  log.info({ removed: await cleanup(config, log) }, 'agent ends for good; what it has made is removed')
}

async function within(ms: number, work: Promise<void> | undefined): Promise<void> {
  await Promise.race([work, sleep(ms, undefined, { ref: false })])
}

async function metricsOf(
  { metrics }: Config,
  facts: () => Facts,
  clock: EffectClock,
  log: Logger
): Promise<OpenMetrics | undefined> {
  if (metrics.address === undefined) return undefined
  const { openMetrics } = await import('./metrics/open.ts')
  return openMetrics(metrics.address, facts, clock, log)
}

/** Two agents would write the same maps, each its own truth. */
function lockOf(path: string): FileLock {
  const lock = FileLock.tryAcquire(path)
  if (lock === undefined) throw new SluiceError('SLUICE_ERR_AGENT_LOCKED', { path })
  return lock
}

function stopRequested(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve())
  })
}
