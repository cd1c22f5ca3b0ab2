// SPDX-License-Identifier: Apache-2.0

import {
  type DestinationStream,
  destination,
  type Logger,
  pino,
  stdSerializers,
  stdTimeFunctions
} from 'pino'
import type { Config } from '../config/schema.ts'
import { SluiceError } from '../errors/error.ts'
import { textLine } from './text.ts'

export type { Logger } from 'pino'

const STDERR = 2

/**
 * Lines go out at once (a crash loses none, and a burst does not pile up in memory): to stderr, so that
 * stdout stays the output of the commands.
 */
export function createLogger(settings: Config['log'], stream?: DestinationStream): Logger {
  const out = stream ?? destination({ dest: STDERR, sync: true })
  const target = settings.format === 'json' ? out : { write: (line: string) => out.write(textLine(line)) }
  const options = {
    level: settings.level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: errorFields }
  }
  return pino(options, target)
}

/** @returns the former level */
export function changeLevel(log: Pick<Logger, 'level' | 'info'>, level: Config['log']['level']): string {
  const former = log.level
  log.level = level
  return former
}

/** An operator needs code and remedy; the stack is for errors that nobody foresaw. */
function errorFields(error: unknown): unknown {
  if (!(error instanceof SluiceError)) return error instanceof Error ? stdSerializers.err(error) : error
  const { code, message, remedy } = error
  return remedy === undefined ? { code, message } : { code, message, remedy }
}
