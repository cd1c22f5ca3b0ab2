// SPDX-License-Identifier: Apache-2.0
// Keeps the processors awake. A virtual one that has nothing to do stops, and waking it is the hypervisor's work: tens
// of microseconds that a message of any way would wait for, more or less often, and that say nothing of the way.

import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'

/** Whatever else wants to run does so at once (SCHED_IDLE); they end with this process, however it ends. */
const SPIN = ['--idle', '0', 'setpriv', '--pdeathsig', 'KILL', 'sh', '-c', 'while :; do :; done']

export function keepAwake(): Disposable {
  const spinning = Array.from({ length: availableParallelism() }, () =>
    spawn('chrt', SPIN, { stdio: 'ignore' })
  )
  return {
    [Symbol.dispose]: () => {
      for (const each of spinning) each.kill('SIGKILL')
    }
  }
}
