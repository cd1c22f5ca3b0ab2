// SPDX-License-Identifier: Apache-2.0
import { bindings } from './addon.ts'
import { closedError } from './error.ts'

/** What the addon makes of a descriptor. */
export interface OwnedDescriptor {
  fd: number
  handle: object
}

const native = bindings<{
  duplicateFd(pid: number, fd: number): OwnedDescriptor
  closeDescriptor(handle: object): void
}>()

/** An open file of this process that nothing else closes. */
export class Descriptor {
  readonly #fd: number
  readonly #handle: object
  #closed = false

  /** Made by `duplicateFd` and `Netns.muteListener`. */
  constructor({ fd, handle }: OwnedDescriptor) {
    this.#fd = fd
    this.#handle = handle
  }

  /** The number; it stays this object's. */
  get fd(): number {
    if (this.#closed) throw closedError('descriptor')
    return this.#fd
  }

  close(): void {
    this.#closed = true
    native.closeDescriptor(this.#handle)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/**
 * A descriptor of another process, for the same open file (pidfd_getfd, Linux 5.6; needs CAP_SYS_PTRACE). Who cares
 * which process it was asks afterwards whether that still lives: a pid may have become another's before.
 * Throws EDESCRIPTOR_GONE (no such process or descriptor), EDESCRIPTOR_PERMISSION, EDESCRIPTOR_UNSUPPORTED,
 * EDESCRIPTOR_DUPLICATE.
 */
export function duplicateFd(pid: number, fd: number): Descriptor {
  return new Descriptor(native.duplicateFd(pid, fd))
}
