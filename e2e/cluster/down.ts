// SPDX-License-Identifier: Apache-2.0
// `make cluster-down`
import { down } from './standing.ts'

const removed = await down()
process.stdout.write(removed === undefined ? 'no cluster is up\n' : `${removed} is removed\n`)
