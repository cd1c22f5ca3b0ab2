// SPDX-License-Identifier: Apache-2.0

import type { V1Status } from '@kubernetes/client-node'
import { causeText } from '../errors/error.ts'

export interface ToldFailure {
  readonly retryAfterMs?: number
  readonly reason?: string | undefined
  readonly about?: string | undefined
}

/** A request that the API server refused, or did not answer. */
export class ApiFailure extends Error {
  /** Of HTTP, or of the Status object in a watch; 0: there was no answer. */
  readonly status: number
  /** Milliseconds that the server asked to wait; 0: it did not. */
  readonly retryAfterMs: number
  /** In Kubernetes' own words: `NotFound`; undefined: somebody else has answered. */
  readonly reason: string | undefined
  /** Name of the object that it is about. */
  readonly about: string | undefined

  constructor(status: number, message: string, told: ToldFailure = {}, cause?: unknown) {
    super(message, { cause })
    this.name = 'ApiFailure'
    this.status = status
    this.retryAfterMs = told.retryAfterMs ?? 0
    this.reason = told.reason
    this.about = told.about
  }
}

/** @param cause what kept the answer from coming */
export function unanswered(cause: unknown): ApiFailure {
  return cause instanceof ApiFailure ? cause : new ApiFailure(0, causeText(cause), {}, cause)
}

/**
 * @param body a Status object, or whatever somebody in between has answered
 * @param retryAfter the header's seconds; dates are not used by Kubernetes
 */
export function refused(status: number, body: string, retryAfter: string | undefined): ApiFailure {
  const told = statusOf(body)
  return new ApiFailure(status, told.message ?? `HTTP status ${status}`, toldBy(told, retryAfter))
}

/** The object of a watch's ERROR event. */
export function watchFailure(object: unknown): ApiFailure {
  const told = (object ?? {}) as V1Status
  return new ApiFailure(told.code ?? 500, told.message ?? 'watch failed', toldBy(told, undefined))
}

function toldBy({ reason, details }: V1Status, retryAfter: string | undefined): ToldFailure {
  const seconds = Number(retryAfter ?? details?.retryAfterSeconds ?? 0)
  return {
    retryAfterMs: Number.isFinite(seconds) ? seconds * 1_000 : 0,
    reason,
    about: details?.name
  }
}

function statusOf(body: string): V1Status {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return {}
  }
}
