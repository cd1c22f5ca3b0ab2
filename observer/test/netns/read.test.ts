// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { NativeError, type Netns } from '#native'
import { Inspector } from '../../netns/inspection.ts'
import { survey } from '../../netns/survey.ts'

function failing(code: string): Netns {
  const error = new NativeError({ code: `SLUICE_NATIVE_${code}`, message: 'routes: more than 1 MiB' })
  return { run: () => Promise.reject(error) } as unknown as Netns
}

const READERS = [
  ['inspection', (netns: Netns) => new Inspector(netns, 5151).look([])],
  ['survey', (netns: Netns) => survey(netns, [])]
] as const

describe.each(READERS)('an %s of a pod', (_, read) => {
  it('says that there is more than is read, and of what', async () => {
    await expect(read(failing('ENETNS_TOO_LARGE'))).rejects.toMatchObject({
      code: 'SLUICE_ERR_NETNS_TOO_LARGE',
      message: expect.stringMatching(/more .* than is read of one: routes: more than 1 MiB$/)
    })
  })

  it('passes on what else fails', async () => {
    await expect(read(failing('ENETNS_ENTER'))).rejects.toMatchObject({ code: 'SLUICE_NATIVE_ENETNS_ENTER' })
  })
})
