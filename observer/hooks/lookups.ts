// SPDX-License-Identifier: Apache-2.0
// The listener lookup of each pod: an instance of one program, with the pod's namespace as its constant.

import { existsSync, unlinkSync } from 'node:fs'
import type { Program } from '#native'
import { Attachment, linkPath, pinnedNames } from './attachment.ts'

const PROGRAM = 'lookup'

export class Lookups {
  readonly #program: Program
  readonly #links: string

  /** @param links directory of the pinned links */
  constructor(program: Program, links: string) {
    this.#program = program
    this.#links = links
  }

  /**
   * Drops everything until the pod's entry says STEER.
   * @param netns its cookie
   * @param fd an open descriptor of the namespace, the caller's
   */
  attach(netns: bigint, fd: number): Attachment {
    using instance = this.#program.instance({ lookup_netns: netns })
    return Attachment.ensure(this.#path(netns), instance, () => instance.attachNetns(fd))
  }

  /** Gives every lookup that is pinned this build's program. */
  renew(): void {
    for (const netns of this.pinned) {
      using instance = this.#program.instance({ lookup_netns: netns })
      Attachment.ensure(this.#path(netns), instance, () => {
        throw new Error('its network namespace is gone')
      }).close()
    }
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
