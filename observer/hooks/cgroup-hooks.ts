// SPDX-License-Identifier: Apache-2.0
// Which programs are attached to which cgroup.

import { existsSync, unlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Link, NativeError, type Program } from '#native'
import { SluiceError } from '../errors/error.ts'
import { pinnedNames } from '../maps/pin-paths.ts'
import { Attachment, inodeOf, isUnfinished, linkPath } from './attachment.ts'
import type { KernelObjects } from './objects.ts'

const KUBELET_PROGRAM = 'kubelet_tcp'

/** An attachment, and how it was made. */
interface Hook {
  readonly attachment: Attachment
  readonly program: Program
  readonly attach: () => Link
  /** Its target is there still. */
  readonly wanted: () => boolean
}

export class CgroupHooks {
  readonly #objects: KernelObjects
  readonly #links: string
  /** By the path of the pin. */
  readonly #attached = new Map<string, Hook>()
  readonly #roots = new Set<string>()

  /** @param links directory of the pinned links */
  constructor(objects: KernelObjects, links: string) {
    this.#objects = objects
    this.#links = links
  }

  /** Egress and its guard, for every pod below a kubepods root; once for roots inside each other. */
  attachRoot(path: string): void {
    if (this.#covers(path)) return
    this.#roots.add(path)
    this.#attach(path, [
      this.#objects.guard.program('setsockopt'),
      ...['recvmsg4', 'recvmsg6', 'getpeername4', 'getpeername6'].map((name) =>
        this.#objects.dns.program(name)
      ),
      ...['sendmsg4', 'sendmsg6'].map((name) => this.#objects.sendmsg.program(name)),
      ...['connect4', 'connect6'].map((name) => this.#objects.connect.program(name))
    ])
  }

  /** The kubelet's probes; only a cgroup of its own may be given. No other stays exempt. */
  attachKubelet(path: string): void {
    this.#attach(path, [this.#objects.kubelet.program(KUBELET_PROGRAM)])
    this.#detachKubelets(linkPath(this.#links, KUBELET_PROGRAM, inodeOf(path)))
  }

  /** Also what a former agent attached. */
  detachKubelet(): void {
    this.#detachKubelets(undefined)
  }

  /** ztunnel's sockets; where its cgroup lies below no kubepods root, the connect hooks too. */
  attachZtunnel(path: string): void {
    const { ztunnel, connect } = this.#objects
    this.#attach(path, [ztunnel.program('ztunnel_tcp')])
    if (!this.#covers(path)) this.#attach(path, [connect.program('connect4'), connect.program('connect6')])
  }

  /** The tracepoints; a tracing link takes no other program, so they are renewed. */
  attachTracing(): void {
    const names = ['handle_mkdir', 'handle_rmdir', 'handle_fork', 'handle_exec', 'handle_attach'] as const
    for (const name of names) {
      const program = this.#objects.observe.program(name)
      const path = join(this.#links, name)
      const attach = () => program.attachTracing()
      const attachment = Attachment.renew(path, program, attach)
      this.#keep({ attachment, program, attach, wanted: () => true })
    }
  }

  detachTracing(): void {
    for (const name of pinnedNames(this.#links)) {
      if (name.startsWith('handle_')) unlinkSync(join(this.#links, name))
    }
  }

  /**
   * Puts back what somebody else detached, replaced or unpinned.
   * @returns what that was, one line for each; what cannot be put back stays among the problems
   */
  mend(): readonly string[] {
    return this.#broken().flatMap(({ attachment, program, attach }) => {
      const { fault } = attachment
      try {
        attachment.mend(program, attach)
      } catch (error) {
        if (!(error instanceof SluiceError)) throw error
        return []
      }
      return [`${basename(attachment.path)} was ${fault}`]
    })
  }

  /** Why pods are not served as they should be; none: every hook is where it belongs. */
  get problems(): readonly string[] {
    const broken = this.#broken().flatMap(({ attachment }) => attachment.problem ?? [])
    return this.#roots.size === 0 ? ['no kubepods cgroup is known', ...broken] : broken
  }

  /** Those of a cgroup that is gone are swept instead. */
  #broken(): readonly Hook[] {
    return [...this.#attached.values()].filter(({ attachment, wanted }) => !attachment.intact && wanted())
  }

  /** Removes the pins of links whose cgroup is gone, also those of a former agent, and what it did not finish. */
  sweep(): readonly string[] {
    return pinnedNames(this.#links).filter((name) => {
      const path = join(this.#links, name)
      if (!isUnfinished(name) && !isGone(path)) return false
      this.#attached.get(path)?.attachment.close()
      this.#attached.delete(path)
      unlinkSync(path)
      return true
    })
  }

  close(): void {
    for (const { attachment } of this.#attached.values()) attachment.close()
    this.#attached.clear()
  }

  #covers(path: string): boolean {
    return [...this.#roots].some((root) => path.startsWith(`${root}/`))
  }

  #attach(cgroup: string, programs: readonly Program[]): void {
    const id = inodeOf(cgroup)
    const wanted = () => existsSync(cgroup) && inodeOf(cgroup) === id
    for (const program of programs) {
      const path = linkPath(this.#links, program.name, id)
      const attach = () => program.attachCgroup(cgroup)
      this.#keep({ attachment: Attachment.ensure(path, program, attach), program, attach, wanted })
    }
  }

  #detachKubelets(but: string | undefined): void {
    for (const name of pinnedNames(this.#links)) {
      const path = join(this.#links, name)
      if (!name.startsWith(`${KUBELET_PROGRAM}@`) || path === but) continue
      this.#attached.get(path)?.attachment.close()
      this.#attached.delete(path)
      unlinkSync(path)
    }
  }

  #keep(hook: Hook): void {
    const { path } = hook.attachment
    this.#attached.get(path)?.attachment.close()
    this.#attached.set(path, hook)
  }
}

function isGone(path: string): boolean {
  using link = Link.openPinned(path)
  try {
    link.info()
    return false
  } catch (error) {
    if (error instanceof NativeError && error.code === 'SLUICE_NATIVE_EBPF_LINK_GONE') return true
    throw error
  }
}
