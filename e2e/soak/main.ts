// SPDX-License-Identifier: Apache-2.0
// make soak: traffic, and everything that can happen to a node, by a schedule that a seed makes. Exits with 1 when a
// connection leaked, failed without a known cause, or something was left behind.

import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { createWorld } from '../world/world.ts'
import { isGood, reportText } from './report.ts'
import { soak } from './soak.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '600' },
    seed: { type: 'string', default: String(randomInt(1_000_000)) }
  }
})
const [seconds, seed] = [Number(values.seconds), Number(values.seed)]
if (!(Number.isInteger(seconds) && seconds >= 10 && Number.isInteger(seed) && seed >= 0))
  throw new Error('--seconds needs a whole number from 10 on, --seed one from 0 on')

// The world is taken down by its guard, which outlives this process.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))
process.stdout.write(`Soak: ${seconds} s, seed ${seed}\n`)
const outcome = await soak(await createWorld(), seconds, seed)
process.stdout.write(reportText(outcome))
process.exitCode = isGood(outcome) ? 0 : 1
