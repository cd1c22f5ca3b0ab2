// SPDX-License-Identifier: Apache-2.0
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Link } from '../lib/link.ts'
import { BpfMap } from '../lib/map.ts'
import { BpfObject } from '../lib/object.ts'
import { RingBuffer } from '../lib/ringbuffer.ts'
import { closing, failure, openFds, programPath, runNode, temporaryCgroup, temporaryPins } from './fixture.ts'

const HOOKS = programPath('hooks')
const RINGS = programPath('rings')

/** One open handle of each class. */
function everything() {
  const object = closing(BpfObject.load(HOOKS, { programs: ['connect4'] }))
  const program = object.program('connect4')
  const map = object.map<bigint, bigint>('calls')
  const link = closing(program.attachCgroup(temporaryCgroup()))
  const rings = closing(BpfObject.load(RINGS))
  const ring = closing(new RingBuffer(rings.map('ring'), () => {}))
  return { object, program, map, link, ring, rings }
}

type Handles = ReturnType<typeof everything>
type Use = [string, (handles: Handles) => unknown]

const USES: Record<'object' | 'program' | 'map' | 'link' | 'ring', Use[]> = {
  object: [
    ['program', ({ object }) => object.program('lookup')],
    ['map', ({ object }) => object.map('.rodata')],
    ['layout', ({ object }) => object.layout('pod')]
  ],
  program: [
    ['attachCgroup', ({ program }) => program.attachCgroup('/')],
    ['attachTracing', ({ program }) => program.attachTracing()],
    ['attachNetns', ({ program }) => program.attachNetns(0)],
    ['instance', ({ program }) => program.instance({ cookie: 1 })],
    ['testRun', ({ program }) => program.testRun({})],
    ['update of a link', ({ link, program }) => link.update(program)]
  ],
  map: [
    ['get', ({ map }) => map.get(1n)],
    ['set', ({ map }) => map.set(1n, 1n)],
    ['setFd', ({ map }) => map.setFd(1n, 0)],
    ['delete', ({ map }) => map.delete(1n)],
    ['keys', ({ map }) => map.keys()],
    ['entries', ({ map }) => map.entries()],
    ['deleteBatch', ({ map }) => map.deleteBatch([1n])],
    ['setBatch', ({ map }) => map.setBatch([[1n, 1n]])],
    ['pin', ({ map }) => map.pin('/sys/fs/bpf/x')],
    ['a ring buffer', ({ map }) => new RingBuffer(map as BpfMap, () => {})]
  ],
  link: [
    ['info', ({ link }) => link.info()],
    ['pin', ({ link }) => link.pin('/sys/fs/bpf/x')],
    ['update', ({ link, program }) => link.update(program)],
    ['detach', ({ link }) => link.detach()]
  ],
  ring: [['flush', ({ ring }) => ring.flush()]]
}

describe.each(Object.entries(USES))('a closed %s', (name, uses) => {
  const closed = (): Handles => {
    const handles = everything()
    handles[name as keyof Handles].close()
    return handles
  }

  it.each(uses)('refuses %s', (_, use) => {
    expect(failure(() => use(closed()), 'ECLOSED').message).toMatch(/^the .+ is closed$/)
  })

  it('can be closed again', () => {
    const handles = closed()
    handles[name as keyof Handles].close()
    handles[name as keyof Handles][Symbol.dispose]()
  })
})

describe('closing an object', () => {
  it('closes its programs and maps, and leaves links to the caller', () => {
    const { object, program, map, link } = everything()
    object.close()
    failure(() => program.testRun({}), 'ECLOSED')
    failure(() => map.get(1n), 'ECLOSED')
    expect(link.info().id).toBeGreaterThan(0)
  })

  it('happens at the end of a using block', () => {
    const before = openFds()
    {
      using object = BpfObject.load(HOOKS, { programs: [] })
      expect(object.mapNames).toEqual(['calls'])
    }
    expect(openFds()).toBe(before)
  })
})

describe('descriptors', () => {
  it('are not leaked in 1,000 cycles of load, attach, pin, open and close', {
    timeout: 120_000
  }, async () => {
    const cgroup = temporaryCgroup()
    const pins = temporaryPins()
    const cycle = (i: number) => {
      const object = BpfObject.load(HOOKS, { programs: ['connect4'] })
      const instance = object.program('connect4').instance({ cookie: i })
      const link = instance.attachCgroup(cgroup)
      link.pin(join(pins, `link${i}`))
      object.map('calls').pin(join(pins, `map${i}`))
      const map = BpfMap.openPinned(join(pins, `map${i}`))
      const again = Link.openPinned(join(pins, `link${i}`))
      again.unpin()
      for (const handle of [again, map, link, instance, object]) handle.close()
    }
    cycle(1000)
    const before = openFds()
    for (let i = 0; i < 1000; i++) cycle(i)
    expect(openFds()).toBe(before)
  })

  it('are not leaked by 1,000 ring buffers', { timeout: 60_000 }, async () => {
    const object = closing(BpfObject.load(RINGS))
    const map = object.map('ring')
    const before = openFds()
    for (let i = 0; i < 1000; i++) {
      new RingBuffer(map, () => {}).close()
      if (i % 100 === 0) await new Promise(setImmediate)
    }
    await expect.poll(openFds).toBe(before)
  })

  it('are not leaked by failures', () => {
    const map = closing(BpfObject.load(programPath('maps'))).map('small')
    const { program, link } = everything()
    const before = openFds()
    for (let i = 0; i < 100; i++) {
      failure(() => BpfObject.load(programPath('refused')), 'EBPF_VERIFIER')
      failure(() => BpfObject.load(HOOKS, { knobs: { none: 1 } }), 'EINVALID_ARGUMENT')
      failure(() => program.attachCgroup('/tmp'), 'EBPF_ATTACH')
      failure(() => program.attachNetns(0), 'EBPF_ATTACH')
      failure(() => new RingBuffer(map, () => {}), 'EINVALID_ARGUMENT')
      failure(() => link.pin('/tmp/x'), 'EBPF_ATTACH')
    }
    expect(openFds()).toBe(before)
  })

  it('of forgotten handles are closed by the garbage collector', async () => {
    const run = await runNode(
      `
      import { readdirSync } from 'node:fs'
      const fds = () => readdirSync('/proc/self/fd').length
      BpfObject.load(path('hooks'), { programs: [] }).close()
      const before = fds()
      for (let i = 0; i < 50; i++) BpfObject.load(path('hooks'), { programs: ['lookup'] }).program('lookup')
      const open = fds()
      for (let i = 0; i < 500 && fds() > before; i++) {
        gc()
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      console.log(open > before, fds() - before)
    `,
      { flags: ['--expose-gc'] }
    )
    expect(run).toMatchObject({ code: 0, stdout: 'true 0\n' })
  })
})
