// SPDX-License-Identifier: Apache-2.0
// A minute of `make soak`. The control run is part of it: with steering off it must see leaks.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const SOAK = join(import.meta.dirname, '../../soak/main.ts')
const SECONDS = 60

it(`nothing leaks, fails or stays behind in ${SECONDS} s of kills, joins and leaves`, async () => {
  const soak = spawn(process.execPath, [SOAK, '--seconds', String(SECONDS)], { stdio: 'pipe' })
  let told = ''
  for (const output of [soak.stdout, soak.stderr])
    output.setEncoding('utf8').on('data', (text: string) => {
      told += text
    })
  const [code] = (await once(soak, 'close')) as [number | null]
  process.stdout.write(told)
  expect({ code, told }).toMatchObject({
    code: 0,
    told: expect.stringContaining('Everything is as it must be.')
  })
}, 600_000)
