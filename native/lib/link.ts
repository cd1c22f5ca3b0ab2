// SPDX-License-Identifier: Apache-2.0
import { unlinkSync } from 'node:fs'
import { bindings } from './addon.ts'
import { invalidArgument, NativeError } from './error.ts'
import { type Program, programHandle } from './program.ts'

export type LinkHandle = { readonly link: unique symbol }

interface LinkBindings {
  openPinnedLink(path: string): LinkHandle
  describeLink(link: LinkHandle): LinkInfo
  pinLink(link: LinkHandle, path: string): void
  updateLink(link: LinkHandle, program: unknown): void
  detachLink(link: LinkHandle): void
  closeLink(link: LinkHandle): void
}

const native = bindings<LinkBindings>()

/** `cgroupId` and `netnsInode` say where it is attached; `type` is libbpf's name: 'cgroup', 'netns', 'tracing'... */
export interface LinkInfo {
  id: number
  type: string
  programId: number
  cgroupId?: bigint
  netnsInode?: number
  attachType?: number
}

/** An attached program. Closing the last open link that is not pinned detaches it. */
export class Link {
  readonly #handle: LinkHandle
  #path: string | undefined

  /** Not for callers: programs make links. */
  constructor(handle: LinkHandle, path?: string) {
    this.#handle = handle
    this.#path = path
  }

  static openPinned(path: string): Link {
    return new Link(native.openPinnedLink(path), path)
  }

  /** Throws EBPF_LINK_GONE when the cgroup or network namespace is gone, or after detach(). */
  info(): LinkInfo {
    return native.describeLink(this.#handle)
  }

  /** Keeps the program attached without this process; `path` lies in a bpffs and must not exist. */
  pin(path: string): void {
    native.pinLink(this.#handle, path)
    this.#path = path
  }

  /** Removes the file that the link was pinned or opened at; a file that is gone already is fine. */
  unpin(): void {
    if (this.#path === undefined) throw invalidArgument('a link that is pinned', 'unpin', this.#path)
    try {
      unlinkSync(this.#path)
    } catch (error) {
      const { code, errno } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT') {
        throw new NativeError({
          code: 'SLUICE_NATIVE_EBPF_ATTACH',
          message: `cannot unpin ${this.#path}: ${code}`,
          errno: Math.abs(errno ?? 0),
          syscall: 'unlink'
        })
      }
    }
    this.#path = undefined
  }

  /** Replaces the program without a moment in between. Not for tracing links. */
  update(program: Program): void {
    native.updateLink(this.#handle, programHandle(program))
  }

  /** Detaches now, also what others hold open or pinned. */
  detach(): void {
    native.detachLink(this.#handle)
  }

  close(): void {
    native.closeLink(this.#handle)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
