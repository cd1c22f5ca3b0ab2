// SPDX-License-Identifier: Apache-2.0
// The agent's pipeline: facts from processes, from the source and from finished work go to the roster; what it
// asks for, the reconciler does.

import { interval, merge, NEVER, Subject, Subscription, tap } from 'rxjs'
import type { RingBuffer } from '#native'
import { type ControlServer, serveControl } from '../control/server.ts'
import { KubeletExemption } from '../kubelet/exemption.ts'
import { changeLevel } from '../log/logger.ts'
import type { Facts } from '../metrics/facts.ts'
import { type Answer, type Fact, Roster } from '../pods/roster.ts'
import { mayHaveProxy } from '../pods/state.ts'
import { kernelEvents } from '../processes/kernel-events.ts'
import { Kubepods } from '../processes/kubepods.ts'
import { Listeners } from '../reconcile/listeners.ts'
import { Reconciler } from '../reconcile/reconciler.ts'
import { Verifier } from '../reconcile/verifier.ts'
import { createZdsServer, type ZdsServer } from '../ztunnel/server.ts'
import type { ZtunnelInfo } from '../ztunnel/workload.ts'
import { agentAuthorize } from './authorize.ts'
import { exemptSelf } from './exempt-self.ts'
import { followProcesses } from './follow-processes.ts'
import { Roots } from './follow-roots.ts'
import { inTurn } from './in-turn.ts'
import type { AgentParts } from './parts.ts'
import { Patrol } from './patrol.ts'
import { Problems } from './problems.ts'
import { recordOf } from './record.ts'
import { Refused } from './refused.ts'
import { refuseRivals } from './rivals.ts'
import { selection, selectionPolicy } from './selection.ts'
import { agentReport } from './status.ts'
import { sweepCgroups, sweepDead } from './sweep-dead.ts'
import { sweepExemptions } from './sweep-exemptions.ts'

const HEARTBEAT_MS = 1_000

export class Agent {
  /** Rejects when the agent can go on no longer. */
  readonly failure: Promise<never>
  readonly #parts: AgentParts
  readonly #roster: Roster
  readonly #kubepods: Kubepods
  readonly #roots: Roots
  readonly #reconciler: Reconciler
  readonly #verifier: Verifier
  readonly #patrol: Patrol
  readonly #kubelet: KubeletExemption | undefined
  readonly #zds: ZdsServer
  readonly #problems: Problems
  readonly #refused: Refused
  readonly #scans = new Subject<'events lost' | 'room'>()
  readonly #running = new Subscription()
  readonly #startedAt = Date.now()
  readonly #failed = Promise.withResolvers<never>()
  #ztunnels: readonly ZtunnelInfo[] = []
  #control: ControlServer | undefined
  #eventsLost: number
  #resyncs = 0
  #events: RingBuffer | undefined
  #ready = false
  #beatAt = performance.now()

  constructor(parts: AgentParts) {
    const { config, log, kernel, node, listen } = parts
    const { steering, drainTimeout, establishedConnections, holdWarning } = config
    this.#parts = parts
    this.failure = this.#failed.promise
    // It may come while the agent starts, and nobody waits for it yet.
    this.failure.catch(() => undefined)
    this.#problems = new Problems(log)
    this.#eventsLost = kernel.eventsLost
    const policy = selectionPolicy(config, parts.identity)
    this.#roster = new Roster({ strict: config.strict, select: selection(config, policy), now: Date.now })
    this.#refused = new Refused(kernel, () => this.#roster.states, log)
    this.#kubepods = new Kubepods(node.cgroup2, config.cgroupRoots, kernel)
    this.#roots = new Roots({ kubepods: this.#kubepods, kernel, log })
    this.#zds = createZdsServer({
      path: config.zds.socket,
      listen,
      log,
      authorize: agentAuthorize({ config, policy, node, kubepods: this.#kubepods, roster: this.#roster })
    })
    this.#zds.beforeFirstAdd = async (ztunnel) => kernel.admitZtunnel(ztunnel)
    const listeners = new Listeners(kernel.maps.listener, () => this.#ztunnels)
    const shared = { entries: kernel.entries, lookups: kernel.lookups, listeners, zds: this.#zds, log }
    const chosen = { ...shared, steering, drainTimeout, establishedConnections, holdWarning }
    this.#reconciler = new Reconciler({
      ...chosen,
      hostInode: node.hostNetns.inode,
      onNetnsChange: (uid) => this.#patrol.visit(uid),
      onDrift: (kind, what, state) => this.#verifier.note(kind, what, state)
    })
    const kubelet = { cgroup: config.kubelet.cgroup, cgroup2: node.cgroup2, hooks: kernel.cgroups, log }
    const place = { kubepods: this.#kubepods, hostInode: node.hostNetns.inode }
    this.#kubelet = config.kubelet.exempt ? new KubeletExemption({ ...kubelet, ...place }) : undefined
    const answer = (uid: Answer['uid'], input: Answer['input']) => this.#hear({ kind: 'answer', uid, input })
    this.#verifier = new Verifier({
      ...shared,
      dwelling: (uid) => this.#reconciler.dwelling(uid),
      surroundings: { steering, inherited: node.forwarding },
      onInspected: (uid, conditions) => answer(uid, { kind: 'inspected', conditions }),
      onRefused: ({ uid, epoch }, error) => answer(uid, { kind: 'enrol-failed', error, epoch })
    })
    this.#patrol = new Patrol({
      kernel,
      log,
      verifier: this.#verifier,
      roster: this.#roster,
      kubelet: this.#kubelet,
      onRoom: () => this.#scans.next('room'),
      onVerified: (uid) => answer(uid, { kind: 'verified' })
    })
  }

  /** Takes over what a former agent left, then follows what changes. */
  async start(): Promise<void> {
    const { config, kernel, log } = this.#parts
    kernel.beat()
    await kernel.lookups.renew()
    kernel.lookups.stock()
    kernel.entries.unseeAll()
    await this.#followRoots()
    kernel.observe(config.processEvents)
    await (this.#kubelet === undefined ? kernel.cgroups.detachKubelet() : this.#kubelet.refresh())
    this.#running.add(interval(HEARTBEAT_MS).subscribe(() => this.#beat()))
    for (const fact of await this.#kubepods.scan()) this.#hear(fact)
    sweepDead(this.#roster.states, this.#parts)
    this.#running.add(this.#zds.ztunnels$.subscribe((ztunnels) => this.#onZtunnels(ztunnels)))
    this.#follow()
    this.#control = await serveControl(config.controlSocket, {
      status: () => this.#status(),
      setLogLevel: (level) => changeLevel(log, level)
    })
    log.info(
      { source: config.source, socket: config.zds.socket, pods: this.#roster.states.length },
      'agent started'
    )
  }

  async close(): Promise<void> {
    this.#running.unsubscribe()
    this.#patrol.close()
    await this.#control?.close()
    this.#zds.close()
    await this.#reconciler.close()
    this.#parts.kernel.close()
  }

  async #followRoots(): Promise<void> {
    const { kernel, node } = this.#parts
    if (await this.#roots.follow()) await exemptSelf(kernel, node, this.#kubepods)
  }

  #follow(): void {
    const { config, kernel, source } = this.#parts
    const hold = (ring: RingBuffer) => {
      this.#events = ring
    }
    const events$ = config.processEvents ? kernelEvents(kernel.events.map, kernel.events.layout, hold) : NEVER
    const scans$ = merge(this.#scans, config.scanInterval > 0 ? interval(config.scanInterval) : NEVER).pipe(
      tap(() => this.#resyncs++)
    )
    const processes$ = followProcesses({
      kubepods: this.#kubepods,
      events$: events$.pipe(tap({ next: () => queueMicrotask(() => this.#noticeLoss()) })),
      scans$,
      followRoots: () => this.#followRoots(),
      onProblem: (error) => this.#parts.log.error({ err: error }, 'cgroups could not be scanned')
    })
    const source$ = this.#problems.sift(source.events$)
    const facts$ = inTurn<Fact>(processes$, source$, this.#reconciler.answers$)
    this.#running.add(
      facts$.subscribe({ next: (fact) => this.#hear(fact), error: (error) => this.#failed.reject(error) })
    )
    const sweep$ = sweepExemptions(this.#parts, this.#roster, this.#reconciler, this.#verifier)
    this.#running.add(merge(this.#refused.follow(), sweep$).subscribe())
    this.#running.add(interval(config.verifyInterval).subscribe(() => this.#patrol.round()))
  }

  #hear(fact: Fact): void {
    if (fact.kind === 'answer') this.#parts.clock.ended(fact.uid, fact.input)
    if (fact.kind === 'netns-seen') this.#reconciler.saw(fact.cgroup, fact.pid)
    this.#patrol.hear(fact)
    refuseRivals(fact, this.#parts.kernel.entries, this.#problems, this.#parts.log)
    for (const { state, effects } of this.#roster.hear(fact)) {
      if (state.cgroup !== undefined) this.#parts.kernel.entries.record(state.cgroup.id, recordOf(state))
      for (const effect of effects) {
        this.#parts.clock.began(state.uid, effect)
        this.#reconciler.perform(effect, state)
      }
      this.#parts.publish?.({ state, effects })
    }
    if (fact.kind === 'synced') this.#synced()
  }

  /** Every pod of the node is offered, or kept until it can be: a snapshot ends no pod's proxy by mistake. */
  #synced(): void {
    for (const state of this.#roster.states) if (mayHaveProxy(state)) this.#zds.keep(state.uid)
    this.#zds.snapshotReady()
    this.#ready = true
  }

  #beat(): void {
    this.#parts.kernel.beat()
    this.#beatAt = performance.now()
    this.#noticeLoss()
  }

  #noticeLoss(): void {
    const lost = this.#parts.kernel.eventsLost
    if (lost === this.#eventsLost) return
    this.#parts.log.warn({ lost: lost - this.#eventsLost }, 'events were lost: all cgroups are scanned')
    this.#eventsLost = lost
    this.#scans.next('events lost')
  }

  #onZtunnels(ztunnels: readonly ZtunnelInfo[]): void {
    this.#ztunnels = ztunnels
    sweepCgroups(this.#roster.states, this.#parts)
  }

  get facts(): Facts {
    return {
      ready: this.#ready,
      problems: [...this.#problems.texts, ...(this.#kubelet?.problems ?? [])],
      states: this.#roster.states,
      ztunnels: this.#ztunnels,
      ...this.#parts.kernel.mode,
      drift: this.#verifier.drift,
      resyncs: this.#resyncs,
      wakeups: this.#events?.wakeups ?? 0,
      refusedZtunnels: this.#zds.refused,
      refusals: this.#refused.recent,
      counters: () => this.#parts.kernel.counters(),
      beatAgeMs: performance.now() - this.#beatAt,
      hookProblems: () => [...this.#parts.kernel.problems, ...this.#reconciler.problems]
    }
  }

  #status() {
    return agentReport({
      parts: this.#parts,
      startedAt: this.#startedAt,
      addressesOf: (uid) => this.#reconciler.dwelling(uid)?.netns.addresses,
      facts: this.facts
    })
  }
}
