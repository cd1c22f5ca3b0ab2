// SPDX-License-Identifier: Apache-2.0
// Links of the real objects, pinned in bpffs and attached to cgroups of the test's own.

import { existsSync, readdirSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type BpfObject, Link } from '#native'
import { Attachment } from '../../observer/hooks/attachment.ts'
import { CgroupHooks } from '../../observer/hooks/cgroup-hooks.ts'
import type { KernelObjects } from '../../observer/hooks/objects.ts'
import { kernelObject } from './built.ts'
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
