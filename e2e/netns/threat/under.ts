// SPDX-License-Identifier: Apache-2.0
// Run in a pod by node: `under.ts PROGRAM CGROUP COMMAND...` runs a command whose cgroup has a program of its own.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { BpfObject } from '#native'

const OBJECT = join(import.meta.dirname, '../../../build/kernel-test/unmark.bpf.o')

const [name = '', cgroup = '', command = '', ...args] = process.argv.slice(2)
const object = BpfObject.load(OBJECT, { programs: [name] })
const link = object.program(name).attachCgroup(cgroup)
process.exitCode = spawnSync(command, args, { stdio: 'inherit' }).status ?? 1
link.close()
object.close()
