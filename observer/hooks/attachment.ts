// SPDX-License-Identifier: Apache-2.0
// Attached programs, pinned so that they outlive the agent. What is pinned already gets the new program in
// place, without a moment in which nothing is attached.

import { existsSync, renameSync, rmSync, statSync, unlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Link, NativeError, type Program } from '#native'
import { SluiceError } from '../errors/error.ts'

/** Begins the name of a pin that is to take another's place. */
const NEXT = 'next~'

export type Fault = 'detached' | 'replaced' | 'unpinned'

/** A link pinned at a path of the agent's own. */
export class Attachment {
  readonly path: string
  #link: Link
  /** Id of the program behind the link; the program itself may be closed. */
  #program: number

  private constructor(path: string, link: Link, program: Program) {
    this.path = path
    this.#link = link
    this.#program = program.id
  }

  /**
   * @param path where the link is pinned
   * @param attach called when nothing usable is pinned there
   * @throws SluiceError SLUICE_ERR_HOOKS_ATTACH
   */
  static ensure(path: string, program: Program, attach: () => Link): Attachment {
    const pinned = openUsable(path)
    try {
      if (pinned !== undefined) {
        pinned.update(program)
        return new Attachment(path, pinned, program)
      }
      const link = attach()
      link.pin(path)
      return new Attachment(path, link, program)
    } catch (error) {
      pinned?.close()
      throw new SluiceError('SLUICE_ERR_HOOKS_ATTACH', { program: program.name, path }, error)
    }
  }

  /**
   * Gives what is pinned there the program; what is attached to nothing any more is swept.
   * @throws SluiceError SLUICE_ERR_HOOKS_ATTACH
   */
  static update(path: string, program: Program): void {
    const pinned = openUsable(path)
    try {
      pinned?.update(program)
    } catch (error) {
      // Its target may go between the look and the update.
      if (!isGone(error))
        throw new SluiceError('SLUICE_ERR_HOOKS_ATTACH', { program: program.name, path }, error)
      unlinkSync(path)
    } finally {
      pinned?.close()
    }
  }

  /** For links whose program cannot be exchanged: the new one is attached before the former goes. */
  static renew(path: string, program: Program, attach: () => Link): Attachment {
    try {
      const link = attach()
      pinInPlace(link, path)
      return new Attachment(path, link, program)
    } catch (error) {
      throw new SluiceError('SLUICE_ERR_HOOKS_ATTACH', { program: program.name, path }, error)
    }
  }

  /** What somebody else did to it; undefined: attached still, our program, and pinned where we left it. */
  get fault(): Fault | undefined {
    try {
      if (this.#link.info().programId !== this.#program) return 'replaced'
    } catch (error) {
      if (error instanceof NativeError) return 'detached'
      throw error
    }
    return existsSync(this.path) ? undefined : 'unpinned'
  }

  get intact(): boolean {
    return this.fault === undefined
  }

  /** Its fault in words; undefined: it has none. */
  get problem(): string | undefined {
    const { fault } = this
    return fault === undefined ? undefined : `${basename(this.path)} is ${fault}`
  }

  /**
   * Puts back what its fault says.
   * @param attach called when it is detached
   * @returns the fault; undefined: there is none any more
   * @throws SluiceError SLUICE_ERR_HOOKS_ATTACH
   */
  mend(program: Program, attach: () => Link): Fault | undefined {
    try {
      const { fault } = this
      if (fault === 'replaced') this.#link.update(program)
      if (fault === 'detached') this.#replace(attach())
      // Behind a link that was only unpinned is another instance of the program still.
      if (fault === 'replaced' || fault === 'detached') this.#program = program.id
      if (!existsSync(this.path)) this.#link.pin(this.path)
      return fault
    } catch (error) {
      throw new SluiceError('SLUICE_ERR_HOOKS_ATTACH', { program: program.name, path: this.path }, error)
    }
  }

  #replace(link: Link): void {
    try {
      pinInPlace(link, this.path)
    } catch (error) {
      link.close()
      throw error
    }
    this.#link.close()
    this.#link = link
  }

  /** Detaches for good. */
  remove(): void {
    if (existsSync(this.path)) unlinkSync(this.path)
    this.#link.close()
  }

  /** Lets go of the descriptor; the pin keeps the program attached. */
  close(): void {
    this.#link.close()
  }
}

/** There is always a pin at the path; an agent that is killed meanwhile may leave a second one, `isUnfinished`. */
function pinInPlace(link: Link, path: string): void {
  if (!existsSync(path)) {
    link.pin(path)
    return
  }
  const next = join(dirname(path), `${NEXT}${basename(path)}`)
  rmSync(next, { force: true })
  link.pin(next)
  renameSync(next, path)
}

/** An agent that was killed has left it: a living one's takes the other pin's place at once. */
export function isUnfinished(name: string): boolean {
  return name.startsWith(NEXT)
}

/** A pinned link whose target is gone answers no questions: it is swept here. */
function openUsable(path: string): Link | undefined {
  if (!existsSync(path)) return undefined
  const link = Link.openPinned(path)
  try {
    link.info()
    return link
  } catch (error) {
    link.close()
    if (!(error instanceof NativeError)) throw error
    unlinkSync(path)
    return undefined
  }
}

function isGone(error: unknown): boolean {
  return error instanceof NativeError && error.code === 'SLUICE_NATIVE_EBPF_LINK_GONE'
}

export function inodeOf(path: string): bigint {
  return statSync(path, { bigint: true }).ino
}

export function linkPath(directory: string, program: string, target: bigint): string {
  return join(directory, `${program}@${target}`)
}
