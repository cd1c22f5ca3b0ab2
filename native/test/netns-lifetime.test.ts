// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readlinkSync } from 'node:fs'
import { expect, it } from 'vitest'
import { Netns } from '../lib/netns.ts'
import { FD_NOISE, library, netns, openFds, runProgram, useWorld, world } from './netns-world.ts'

useWorld()

it('still answers when the namespace was deleted while open', async () => {
  world.dispose()
  const [addresses] = await netns.run([{ op: 'addresses' }])
  expect(addresses).toHaveLength(4)
  expect(() => Netns.open(world.path)).toThrow(expect.objectContaining({ code: 'SLUICE_NATIVE_ENETNS_GONE' }))
})

it('closes twice, and finishes a run that began before', async () => {
  const run = netns.run([{ op: 'cookie' }, { op: 'addresses' }])
  netns.close()
  netns.close()
  expect(await run).toHaveLength(2)
  await expect(netns.run([])).rejects.toMatchObject({ code: 'SLUICE_NATIVE_ECLOSED' })
  await expect(netns.watch(() => {})).rejects.toMatchObject({ code: 'SLUICE_NATIVE_ECLOSED' })
  expect(() => netns.fd).toThrow(expect.objectContaining({ code: 'SLUICE_NATIVE_ECLOSED' }))
})

it('leaks no descriptor and no thread in 1,000 runs, and moves no thread of the process', async () => {
  await netns.run([{ op: 'addresses' }])
  const threads = (): string[] => readdirSync('/proc/self/task')
  const [fds, before] = [openFds(), threads().length]
  for (let i = 0; i < 100; i++) {
    const failing = netns.run([{ op: 'set-sysctl', name: 'net.none', value: '1' }]).catch(() => 'failed')
    const runs = Array.from({ length: 9 }, () =>
      netns.run([{ op: 'cookie' }, { op: 'count-sockets', mark: 1, mask: 1 }])
    )
    await Promise.all([failing, ...runs])
  }
  await expect.poll(openFds).toBeLessThan(fds + FD_NOISE)
  await expect.poll(() => threads().length).toBe(before)
  const own = readlinkSync('/proc/self/ns/net')
  expect(threads().map((id) => readlinkSync(`/proc/self/task/${id}/ns/net`))).toEqual(
    threads().map(() => own)
  )
})

it.each([
  [
    'a worker is terminated',
    'await new Promise((resolve) => setTimeout(resolve, 40 + 5 * i)); await worker.terminate()'
  ],
  ['a worker exits', `worker.postMessage('exit'); await new Promise((resolve) => worker.on('exit', resolve))`]
])('survives that %s with runs outstanding', (_, end) => {
  const body = `import { parentPort } from 'node:worker_threads'
    import { Netns } from '${library('netns')}'
    const netns = Netns.open('${world.path}')
    await netns.watch(() => {})
    parentPort.on('message', () => process.exit())
    const again = () => { netns.run([{ op: 'addresses' }, { op: 'rules', family: 'ipv6' }]).then(again) }
    for (let i = 0; i < 8; i++) again()
    parentPort.postMessage('running')`
  const result = runProgram(`import { Worker } from 'node:worker_threads'
    for (let i = 0; i < 10; i++) {
      const worker = new Worker(${JSON.stringify(body)}, { eval: true, type: 'module', execArgv: ['--input-type=module'] })
      await new Promise((resolve) => worker.on('message', resolve))
      ${end}
    }
    console.log('fine')`)
  expect(result).toMatchObject({ status: 0, stderr: '', stdout: expect.stringContaining('fine') })
})

it('ends the process with runs and a watch outstanding', () => {
  const result = runProgram(`import { Netns } from '${library('netns')}'
    const netns = Netns.open('${world.path}')
    await netns.watch(() => {})
    for (let i = 0; i < 20; i++) netns.run([{ op: 'addresses' }]).then(() => console.log('late'))
    process.exit(3)`)
  expect(result).toMatchObject({ status: 3, stdout: '', stderr: '' })
})
