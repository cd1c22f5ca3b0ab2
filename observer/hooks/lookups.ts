// SPDX-License-Identifier: Apache-2.0
// The listener lookup of each pod: an instance of one program, with the pod's namespace as its constant.

import { existsSync, unlinkSync } from 'node:fs'
import { type Program, Turns } from '#native'
import { pinnedNames } from '../maps/pin-paths.ts'
import { Attachment, linkPath } from './attachment.ts'

const PROGRAM = 'lookup'
const LOADS_AT_ONCE = 2

export class Lookups {
  readonly #program: Program
  readonly #links: string
  // The thread pool also reads files: ztunnel must not wait to be let in until every pod has its program.
  readonly #turns = new Turns(LOADS_AT_ONCE)

  /** @param links directory of the pinned links */
  constructor(program: Program, links: string) {
    this.#program = program
    this.#links = links
  }

  /**
   * The program for a namespace, on another thread; for `attach`, and the caller's to close.
   * @param netns its cookie
   */
  load(netns: bigint): Promise<Program> {
    return this.#turns.take(() => this.#program.instanceAsync({ lookup_netns: netns }))
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
