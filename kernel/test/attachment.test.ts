// SPDX-License-Identifier: Apache-2.0
// Links of the real objects, pinned in bpffs and attached to cgroups of the test's own.

import { existsSync, mkdirSync, readdirSync, unlinkSync, watch } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type BpfObject, Link, type Program } from '#native'
import { Attachment } from '../../observer/hooks/attachment.ts'
import { CgroupHooks } from '../../observer/hooks/cgroup-hooks.ts'
import type { KernelObjects } from '../../observer/hooks/objects.ts'
import { closing, kernelObject } from './built.ts'
import { type Cgroup, temporaryCgroup } from './cgroups.ts'
import { temporaryPins } from './pins.ts'

function programAt(path: string): number {
  using link = Link.openPinned(path)
  return link.info().programId
}

async function attached() {
  const cgroup = await temporaryCgroup()
  const path = join(temporaryPins(), 'setsockopt')
  const ensure = (object: BpfObject) => {
    const program = object.program('setsockopt')
    const attachment = Attachment.ensure(path, program, () => program.attachCgroup(cgroup.path))
    onTestFinished(() => attachment.close())
    return { attachment, program }
  }
  return { path, cgroup, ensure }
}

describe('an attachment', () => {
  it('outlives its descriptor, and gets the next program in place', async () => {
    const { path, ensure } = await attached()
    const first = ensure(kernelObject('guard'))
    expect(first.attachment.intact).toBe(true)
    first.attachment.close()
    expect(programAt(path)).toBe(first.program.id)
    const second = ensure(kernelObject('guard'))
    expect(second.program.id).not.toBe(first.program.id)
    expect(programAt(path)).toBe(second.program.id)
  })

  it('is not intact once its pin, or its cgroup, is gone', async () => {
    const unpinned = await attached()
    const first = unpinned.ensure(kernelObject('guard'))
    unlinkSync(unpinned.path)
    expect(first.attachment.intact).toBe(false)
    const orphaned = await attached()
    const second = orphaned.ensure(kernelObject('guard'))
    orphaned.cgroup.remove()
    await expect.poll(() => second.attachment.intact).toBe(false)
  })

  it('that is pinned again by another instance of its program is intact', async () => {
    const { path, ensure } = await attached()
    const { attachment, program } = ensure(kernelObject('guard'))
    unlinkSync(path)
    const other = kernelObject('guard').program('setsockopt')
    const attach = () => {
      throw new Error('is attached')
    }
    expect(attachment.mend(other, attach)).toBe('unpinned')
    expect(attachment.problem).toBeUndefined()
    expect(programAt(path)).toBe(program.id)
    expect(attachment.mend(other, attach)).toBeUndefined()
    expect(attachment.problem).toBeUndefined()
  })

  it('names the program and the place when it cannot be made', async () => {
    const { path, cgroup, ensure } = await attached()
    cgroup.remove()
    expect(() => ensure(kernelObject('guard'))).toThrow(`setsockopt cannot be attached as ${path}`)
  })
})

describe('the pin of an attachment', () => {
  /** What was removed, made or moved in the directory while `act` ran, in order. */
  async function changes(directory: string, act: () => void): Promise<string[]> {
    const seen: string[] = []
    const watcher = closing(watch(directory, (_, name) => seen.push(name ?? '')))
    act()
    mkdirSync(join(directory, 'end'))
    await expect.poll(() => seen).toContain('end')
    watcher.close()
    return seen
  }

  function traced() {
    const links = temporaryPins()
    const path = join(links, 'handle_mkdir')
    const program = () => kernelObject('observe').program('handle_mkdir')
    const renew = (next: Program, attach = () => next.attachTracing()) =>
      closing(Attachment.renew(path, next, attach))
    return { links, path, program, renew }
  }

  it('is there without a break while its link is renewed', async () => {
    const { links, path, program, renew } = traced()
    renew(program())
    const next = program()
    const seen = await changes(links, () => renew(next))
    // It was replaced: neither removed nor made.
    expect(seen.filter((name) => name === 'handle_mkdir')).toHaveLength(1)
    expect(programAt(path)).toBe(next.id)
    expect(readdirSync(links).toSorted()).toEqual(['end', 'handle_mkdir'])
  })

  it('is there without a break while a detached link is replaced', async () => {
    const { path, cgroup, ensure } = await attached()
    const { attachment, program } = ensure(kernelObject('guard'))
    using link = Link.openPinned(path)
    link.detach()
    const attach = () => program.attachCgroup(cgroup.path)
    const seen = await changes(dirname(path), () => attachment.mend(program, attach))
    expect(seen.filter((name) => name === basename(path))).toHaveLength(1)
    expect(attachment.problem).toBeUndefined()
    expect(programAt(path)).toBe(program.id)
  })

  it.each([
    ['before the next link is pinned', 0],
    ['after the next link is pinned', 1]
  ])('stays when the agent ends %s, and the next one sweeps the rest', (_, left) => {
    const { links, path, program, renew } = traced()
    const [former, killed, next] = [program(), program(), program()]
    renew(former)
    const attach = () => {
      const link = closing(killed.attachTracing())
      const pin = link.pin.bind(link)
      link.pin = (place) => {
        if (left > 0) pin(place)
        throw new Error('killed')
      }
      return link
    }
    expect(() => renew(killed, attach)).toThrow('handle_mkdir')
    expect(programAt(path)).toBe(former.id)
    const rest = readdirSync(links).filter((name) => name !== 'handle_mkdir')
    expect(rest).toHaveLength(left)
    const hooks = closing(new CgroupHooks({} as KernelObjects, links))
    expect(hooks.sweep()).toEqual(rest)
    expect(readdirSync(links)).toEqual(['handle_mkdir'])
    expect(programAt(path)).toBe(former.id)
    expect(() => renew(killed, attach)).toThrow('handle_mkdir')
    renew(next)
    expect(programAt(path)).toBe(next.id)
    expect(readdirSync(links)).toEqual(['handle_mkdir'])
  })
})

describe('the hooks of cgroups', () => {
  function hooks(links: string): CgroupHooks {
    const names = ['connect', 'dns', 'guard', 'sendmsg', 'ztunnel'] as const
    const objects = Object.fromEntries(names.map((name) => [name, kernelObject(name)]))
    const made = new CgroupHooks(objects as unknown as KernelObjects, links)
    onTestFinished(() => made.close())
    return made
  }

  const on = ({ id }: Cgroup, ...names: string[]) => names.map((name) => `${name}@${id}`)
  const SOCKET_HOOKS = ['connect', 'getpeername', 'recvmsg', 'sendmsg']
  const EGRESS = ['setsockopt', ...SOCKET_HOOKS.flatMap((hook) => [`${hook}4`, `${hook}6`])]

  it('are attached once for roots inside each other', async () => {
    const links = temporaryPins()
    const made = hooks(links)
    const root = await temporaryCgroup()
    const inner = root.make('burstable')
    made.attachRoot(root.path)
    made.attachRoot(inner.path)
    made.attachZtunnel(inner.path)
    expect(readdirSync(links).toSorted()).toEqual(
      [...on(root, ...EGRESS), ...on(inner, 'ztunnel_tcp')].toSorted()
    )
    expect(made.problems).toEqual([])
    expect(made.mend()).toEqual([])
  })

  it.each<[string, (path: string) => void]>([
    [
      'detached',
      (path) => {
        using link = Link.openPinned(path)
        link.detach()
      }
    ],
    [
      'replaced',
      (path) => {
        using link = Link.openPinned(path)
        link.update(kernelObject('connect').program('connect4'))
      }
    ],
    ['unpinned', (path) => unlinkSync(path)]
  ])('are put back when one was %s', async (fault, spoil) => {
    const links = temporaryPins()
    const made = hooks(links)
    const root = await temporaryCgroup()
    made.attachRoot(root.path)
    const name = `connect4@${root.id}`
    spoil(join(links, name))
    expect(made.problems).toEqual([`${name} is ${fault}`])
    expect(made.mend()).toEqual([`${name} was ${fault}`])
    expect(made.problems).toEqual([])
    expect(readdirSync(links)).toHaveLength(EGRESS.length)
  })

  it('are not put back where their cgroup is gone', async () => {
    const made = hooks(temporaryPins())
    const [kept, gone] = [await temporaryCgroup(), await temporaryCgroup()]
    for (const { path } of [kept, gone]) made.attachRoot(path)
    gone.remove()
    expect(made.mend()).toEqual([])
  })

  it('are swept when their cgroup is gone, also those of a former agent', async () => {
    const links = temporaryPins()
    const former = hooks(links)
    const [kept, gone] = [await temporaryCgroup(), await temporaryCgroup()]
    for (const { path } of [kept, gone]) former.attachRoot(path)
    former.close()
    const made = hooks(links)
    expect(made.sweep()).toEqual([])
    gone.remove()
    const swept = () => {
      made.sweep()
      return !existsSync(join(links, `connect4@${gone.id}`))
    }
    await expect.poll(swept).toBe(true)
    expect(readdirSync(links).toSorted()).toEqual(on(kept, ...EGRESS).toSorted())
  })
})
