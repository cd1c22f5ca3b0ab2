// SPDX-License-Identifier: Apache-2.0
// The listener lookup of each pod: an instance of one program, with the pod's namespace as its constant. The kernel
// verifies each anew, the longest step of a join: so some are kept that lack nothing but the namespace.

import { existsSync, unlinkSync } from 'node:fs'
import { type BlankInstance, type Program, Turns } from '#native'
import { pinnedNames } from '../maps/pin-paths.ts'
import { Attachment, linkPath } from './attachment.ts'

const PROGRAM = 'lookup'
const LOADS_AT_ONCE = 2

/** A burst of joins takes longer elsewhere: ztunnel is told of one pod at a time. */
const SPARES = 2
/** A join that has just taken one needs the processor itself. */
const REST_MS = 100

export class Lookups {
  readonly #program: Program
  readonly #links: string
  // The thread pool also reads files: ztunnel must not wait to be let in until every pod has its program.
  readonly #turns = new Turns(LOADS_AT_ONCE)
  readonly #spares: BlankInstance[] = []
  #coming = 0
  #restock: NodeJS.Timeout | undefined
  #closed = false

  /** @param links directory of the pinned links */
  constructor(program: Program, links: string) {
    this.#program = program
    this.#links = links
  }

  /**
   * The program for a namespace: a spare one, else loaded on another thread. For `attach`, and the caller's to close.
   * @param netns its cookie
   */
  async load(netns: bigint): Promise<Program> {
    const constants = { lookup_netns: netns }
    if (this.#restock !== undefined) this.stock()
    using spare = this.#spares.pop()
    if (spare === undefined) return this.#turns.take(() => this.#program.instanceAsync(constants))
    return spare.fill(constants)
  }

  /** Keeps spare programs from now on; they are made when nothing was loaded for a while. */
  stock(): void {
    clearTimeout(this.#restock)
    // What keeps one from being made keeps the next join from its own, and that one tells.
    this.#restock = setTimeout(() => void this.#fill().catch(() => undefined), REST_MS)
  }

  async #fill(): Promise<void> {
    while (!this.#closed && this.#spares.length + this.#coming < SPARES) {
      this.#coming++
      try {
        const spare = await this.#turns.take(() => this.#program.blankAsync(['lookup_netns']))
        if (this.#closed) spare.close()
        else this.#spares.push(spare)
      } finally {
        this.#coming--
      }
    }
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#restock)
    for (const spare of this.#spares.splice(0)) spare.close()
  }

  /**
   * Drops everything until the pod's entry says STEER.
   * @param fd an open descriptor of the namespace, the caller's
   */
  attach(instance: Program, { cookie, fd }: { readonly cookie: bigint; readonly fd: number }): Attachment {
    return Attachment.ensure(this.#path(cookie), instance, () => instance.attachNetns(fd))
  }

  /** Gives every lookup that is pinned this build's program. */
  async renew(): Promise<void> {
    await Promise.all(this.pinned.map((netns) => this.#renew(netns)))
  }

  async #renew(netns: bigint): Promise<void> {
    using instance = await this.load(netns)
    Attachment.update(this.#path(netns), instance)
  }

  /** A lookup of that namespace is pinned, ours or a former agent's. */
  has(netns: bigint): boolean {
    return existsSync(this.#path(netns))
  }

  /** Detaches unless somebody else holds the link open. */
  remove(netns: bigint): void {
    if (this.has(netns)) unlinkSync(this.#path(netns))
  }

  /** Cookies of the namespaces that have one. */
  get pinned(): readonly bigint[] {
    return pinnedNames(this.#links).flatMap((name) => {
      const [program, netns] = name.split('@')
      return program === PROGRAM && netns !== undefined ? [BigInt(netns)] : []
    })
  }

  #path(netns: bigint): string {
    return linkPath(this.#links, PROGRAM, netns)
  }
}
