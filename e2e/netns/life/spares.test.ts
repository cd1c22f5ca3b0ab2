// SPDX-License-Identifier: Apache-2.0
// The listener lookup of a pod that joins was verified before anybody knew of the pod.

import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { mesh } from '../setup/mesh.ts'

/** Of enum bpf_prog_type and enum bpf_link_type. */
const SK_LOOKUP = '30'
const NETNS_LINK = 'netns'
const SPARES = 2

const node = mesh({ enrolled: ['member'], plain: ['app'] })

type About = Readonly<Record<string, string | undefined>>

/** What the kernel says of the agent's descriptors. */
function descriptors(): About[] {
  const directory = `/proc/${node.agent.pid}/fdinfo`
  return readdirSync(directory).flatMap((fd) => {
    try {
      const lines = readFileSync(`${directory}/${fd}`, 'utf8').split('\n')
      return [Object.fromEntries(lines.map((line) => line.split(/:\s*/, 2)))]
    } catch {
      // It was closed since.
      return []
    }
  })
}

const loaded = () =>
  new Set(descriptors().flatMap(({ prog_type, prog_id }) => (prog_type === SK_LOOKUP ? prog_id : [])))
const attached = () =>
  descriptors().flatMap(({ link_type, prog_id }) => (link_type === NETNS_LINK ? prog_id : []))

it('it is one of those that are kept, which are made good', async () => {
  // The object's own is the pattern.
  await expect.poll(() => loaded().size).toBe(SPARES + 1)
  const [kept, before] = [loaded(), attached()]
  await node.join(node.pod('app'))
  const [joined] = attached().filter((id) => !before.includes(id))
  expect(kept).toContain(joined)
  await expect.poll(() => loaded().size).toBe(SPARES + 1)
  expect(loaded()).not.toContain(joined)
})
