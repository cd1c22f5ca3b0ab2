// SPDX-License-Identifier: Apache-2.0

import type { Config } from '../config/schema.ts'
import { requestLogLevel } from '../control/client.ts'
import type { LogLevel } from '../control/protocol.ts'
import { EXIT, type ExitCode } from './exit.ts'

export async function logLevelCommand(config: Config, level: LogLevel): Promise<ExitCode> {
  const { former } = await requestLogLevel(config.controlSocket, level)
  process.stdout.write(`${level} (was ${former})\n`)
  return EXIT.fine
}
