// SPDX-License-Identifier: Apache-2.0

import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import type * as z from 'zod'
import { SluiceError } from '../errors/error.ts'
import {
  LOG_LEVEL_PATH,
  type LogLevel,
  type LogLevelChanged,
  logLevelChanged,
  STATUS_PATH,
  type StatusReport,
  statusReport
} from './protocol.ts'

const TIMEOUT_MS = 5000

/**
 * Asks the running agent.
 *
 * @throws SluiceError SLUICE_ERR_CONTROL_NO_AGENT when nobody listens, SLUICE_ERR_CONTROL_ANSWER when what
 *   listens does not answer in time or not with a report
 */
export function requestStatus(path: string, timeoutMs = TIMEOUT_MS): Promise<StatusReport> {
  return ask(path, { method: 'GET', path: STATUS_PATH }, statusReport, timeoutMs)
}

/**
 * Until the agent ends, or the next change.
 *
 * @throws SluiceError as requestStatus
 */
export function requestLogLevel(path: string, level: LogLevel): Promise<LogLevelChanged> {
  return ask(path, { method: 'PUT', path: LOG_LEVEL_PATH, body: { level } }, logLevelChanged, TIMEOUT_MS)
}

interface Question {
  readonly method: 'GET' | 'PUT'
  readonly path: string
  readonly body?: unknown
}

async function ask<T>(
  socket: string,
  question: Question,
  answer: z.ZodType<T>,
  timeoutMs: number
): Promise<T> {
  let body: string
  try {
    body = await send(socket, question, timeoutMs)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const absent = code === 'ENOENT' || code === 'ECONNREFUSED'
    throw new SluiceError(
      absent ? 'SLUICE_ERR_CONTROL_NO_AGENT' : 'SLUICE_ERR_CONTROL_ANSWER',
      { path: socket },
      error
    )
  }
  try {
    return answer.parse(JSON.parse(body))
  } catch (error) {
    throw new SluiceError('SLUICE_ERR_CONTROL_ANSWER', { path: socket }, error)
  }
}

/** Whether an agent holds the socket; one that does not answer any more counts. */
export async function isAgentRunning(path: string): Promise<boolean> {
  try {
    await requestStatus(path)
    return true
  } catch (error) {
    return !(error instanceof SluiceError && error.code === 'SLUICE_ERR_CONTROL_NO_AGENT')
  }
}

function send(socketPath: string, { method, path, body }: Question, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs)
    const sent = request({ socketPath, method, path, agent: false, signal }, (response) => {
      text(response).then((answer) => {
        if (response.statusCode === 200) resolve(answer)
        else reject(new Error(`status ${response.statusCode}: ${answer.trim()}`))
      }, reject)
    })
    sent.once('error', (error) =>
      reject(signal.aborted ? new Error(`no answer within ${timeoutMs} ms`) : error)
    )
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
