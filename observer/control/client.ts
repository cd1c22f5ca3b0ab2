// SPDX-License-Identifier: Apache-2.0

import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { SluiceError } from '../errors/error.ts'
import { STATUS_PATH, type StatusReport, statusReport } from './protocol.ts'

const TIMEOUT_MS = 5000

/**
 * Asks the running agent.
 *
 * @throws SluiceError SLUICE_ERR_CONTROL_NO_AGENT when nobody listens, SLUICE_ERR_CONTROL_ANSWER when what
 *   listens does not answer in time or not with a report
 */
export async function requestStatus(path: string, timeoutMs = TIMEOUT_MS): Promise<StatusReport> {
  let body: string
  try {
    body = await get(path, timeoutMs)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const absent = code === 'ENOENT' || code === 'ECONNREFUSED'
    throw new SluiceError(
      absent ? 'SLUICE_ERR_CONTROL_NO_AGENT' : 'SLUICE_ERR_CONTROL_ANSWER',
      { path },
      error
    )
  }
  try {
    return statusReport.parse(JSON.parse(body))
  } catch (error) {
    throw new SluiceError('SLUICE_ERR_CONTROL_ANSWER', { path }, error)
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

function get(path: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs)
    const sent = request({ socketPath: path, path: STATUS_PATH, agent: false, signal }, (response) => {
      text(response).then((body) => {
        if (response.statusCode === 200) resolve(body)
        else reject(new Error(`status ${response.statusCode}: ${body.trim()}`))
      }, reject)
    })
    sent.once('error', (error) =>
      reject(signal.aborted ? new Error(`no answer within ${timeoutMs} ms`) : error)
    )
    sent.end()
  })
}
