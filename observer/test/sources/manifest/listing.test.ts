// SPDX-License-Identifier: Apache-2.0
import { VirtualTimeScheduler } from 'rxjs'
import { expect, it } from 'vitest'
import { Listing } from '../../../sources/manifest/listing.ts'

const EIO = Object.assign(new Error('EIO: i/o error, scandir'), { code: 'EIO' })

/** Each look shows the next of these; the last one stays. */
function listing(...looks: (readonly string[] | Error)[]) {
  const scheduler = new VirtualTimeScheduler()
  const told: string[] = []
  let count = 0
  const names = async () => {
    const look = looks[Math.min(count++, looks.length - 1)] ?? []
    if (look instanceof Error) throw look
    return look
  }
  const made = new Listing('/pods', names, scheduler)
  made.events$.subscribe((event) => {
    if (event.kind === 'problem') told.push(`problem ${event.origin}: ${event.error.message}`)
    else if (event.kind === 'mended') told.push(`mended ${event.origin}`)
  })
  made.again$.subscribe((change) => told.push(change === 'all' ? 'again all' : `again ${change.name}`))
  return { made, told, scheduler }
}

it('that fails is told once, tried again until it works, and then told as mended', async () => {
  const { made, told, scheduler } = listing(['a'], EIO, EIO, ['a', 'b'])
  expect(await made.list()).toEqual(['a'])
  expect(await made.list()).toEqual([])
  expect(told).toEqual(['problem /pods: manifest directory /pods cannot be read: EIO: i/o error, scandir'])
  scheduler.flush()
  expect(told.splice(0)).toHaveLength(2)
  expect(await made.list()).toEqual([])
  scheduler.flush()
  expect(told.splice(0)).toEqual(['again all'])
  expect(await made.list()).toEqual(['a', 'b'])
  scheduler.flush()
  expect(told).toEqual(['mended /pods'])
})

it('that fails at first is an error: nothing would be taken for all there is', async () => {
  const { made, told } = listing(EIO)
  await expect(made.list()).rejects.toMatchObject({ code: 'SLUICE_ERR_MANIFEST_DIRECTORY' })
  expect(told).toEqual([])
})
