// SPDX-License-Identifier: Apache-2.0

import { ApiFailure } from './failure.ts'

export interface Backoff {
  readonly firstMs: number
  readonly lastMs: number
  /** From 0 to 1. */
  readonly random: () => number
}

/**
 * How long to wait before the next try: doubled each time, and spread, so that the agents of a thousand nodes do not
 * ask an API server that has just come back all at once. What the server asked for is the least.
 * @param failures in a row before this one
 */
export function delayMs({ firstMs, lastMs, random }: Backoff, failures: number, failure?: unknown): number {
  const longest = Math.min(lastMs, firstMs * 2 ** Math.min(failures, 30))
  const spread = longest * (0.5 + random() / 2)
  return failure instanceof ApiFailure && failure.retryAfterMs > 0 ? failure.retryAfterMs + spread : spread
}
