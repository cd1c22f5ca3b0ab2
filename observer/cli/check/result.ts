// SPDX-License-Identifier: Apache-2.0

import { EXIT, type ExitCode } from '../exit.ts'

/**
 * ok; degraded: Sluice runs, but something of it does not work; missing: it does not run;
 * skipped: could not be tried, `found` says why, and nothing is concluded from it.
 */
export type CheckStatus = 'ok' | 'degraded' | 'missing' | 'skipped'

export interface CheckResult {
  readonly feature: string
  readonly status: CheckStatus
  /** What the try showed. */
  readonly found: string
  /** What does not work without it. */
  readonly meaning?: string
  readonly remedy?: string
}

/** One family of features. It leaves nothing behind, also when it throws. */
export interface Probe {
  readonly family: string
  run(): readonly CheckResult[] | Promise<readonly CheckResult[]>
}

export interface CheckReport {
  readonly verdict: 'fine' | 'degraded' | 'unusable'
  readonly results: readonly (CheckResult & { readonly family: string })[]
}

export const EXIT_CODES: Readonly<Record<CheckReport['verdict'], ExitCode>> = {
  fine: EXIT.fine,
  degraded: EXIT.degraded,
  unusable: EXIT.unusable
}

export function verdict(results: readonly Pick<CheckResult, 'status'>[]): CheckReport['verdict'] {
  if (results.some(({ status }) => status === 'missing')) return 'unusable'
  return results.some(({ status }) => status === 'degraded') ? 'degraded' : 'fine'
}

/** In order, one after the other: probes make and remove cgroups and programs. */
export async function runProbes(probes: readonly Probe[]): Promise<CheckReport> {
  const results: CheckReport['results'][number][] = []
  for (const probe of probes) {
    const { family } = probe
    try {
      results.push(...(await probe.run()).map((result) => ({ family, ...result })))
    } catch (error) {
      const found = error instanceof Error ? error.message : String(error)
      results.push({ family, feature: family, status: 'missing', found: `could not be tried: ${found}` })
    }
  }
  return { verdict: verdict(results), results }
}

/** A result that depends on whether a thing is there. */
export function present(
  feature: string,
  there: boolean,
  found: { readonly yes: string; readonly no: string },
  otherwise: { readonly status: 'degraded' | 'missing'; readonly meaning: string; readonly remedy: string }
): CheckResult {
  return there ? { feature, status: 'ok', found: found.yes } : { feature, found: found.no, ...otherwise }
}
