// SPDX-License-Identifier: Apache-2.0
// Rules that somebody else captures pods' traffic with: Istio's own, from a CNI plugin or a sidecar.

import type { CheckResult, Probe } from './result.ts'

/** A network namespace to look into. */
export interface Place {
  /** `the node`, or `pid 4711 (nginx)` */
  readonly name: string
  readonly pid: number
}

/** A tool that prints rules, and how its output is read. */
export interface RuleTool {
  readonly command: string
  readonly args: readonly string[]
  captures(output: string): readonly string[]
}

export interface CaptureView {
  readonly tools: readonly RuleTool[]
  places(): readonly Place[]
  /** Output of the tool there; undefined: the tool is not installed. @throws when it fails */
  output(tool: RuleTool, place: Place): Promise<string | undefined>
}

export function iptablesCaptures(output: string): string[] {
  const chains = [...output.matchAll(/^:(ISTIO_[A-Z0-9_]+) /gm)].map(([, chain = '']) => chain)
  return [...new Set(chains)]
}

export function nftCaptures(output: string): string[] {
  return [...output.matchAll(/^table \w+ (istio-[\w-]+)/gm)].map(([, name = '']) => `table ${name}`)
}

export const RULE_TOOLS: readonly RuleTool[] = [
  { command: 'iptables-save', args: [], captures: iptablesCaptures },
  { command: 'ip6tables-save', args: [], captures: iptablesCaptures },
  { command: 'iptables-legacy-save', args: [], captures: iptablesCaptures },
  { command: 'nft', args: ['list', 'tables'], captures: nftCaptures }
]

const FEATURE = 'foreign capture rules'

export function captureProbe(view: CaptureView): Probe {
  return { family: 'capture', run: () => captureResults(view) }
}

export async function captureResults(view: CaptureView): Promise<CheckResult[]> {
  const places = view.places()
  const used = new Set<string>()
  const failed = new Set<string>()
  const results: CheckResult[] = []
  for (const place of places) {
    const found = new Set<string>()
    for (const tool of view.tools) {
      try {
        const output = await view.output(tool, place)
        if (output === undefined) continue
        used.add(tool.command)
        for (const capture of tool.captures(output)) found.add(capture)
      } catch (error) {
        failed.add(
          `${tool.command} in ${place.name}: ${error instanceof Error ? error.message : String(error)}`
        )
      }
    }
    if (found.size > 0) results.push(foreign(place, [...found]))
  }
  if (used.size === 0) {
    const found = failed.size === 0 ? 'neither iptables nor nft is installed here' : [...failed].join('; ')
    return [{ feature: FEATURE, status: 'skipped', found }]
  }
  if (results.length > 0) return results
  const tools = [...used].join(', ')
  const note = failed.size === 0 ? '' : `; failed: ${[...failed].join('; ')}`
  return [
    { feature: FEATURE, status: 'ok', found: `none in ${places.length} network namespaces (${tools})${note}` }
  ]
}

function foreign(place: Place, names: readonly string[]): CheckResult {
  return {
    feature: `${FEATURE}: ${place.name}`,
    status: 'degraded',
    found: names.join(', '),
    meaning: 'Istio captures this traffic as well: connections would go through two redirections',
    remedy: 'take the node out of istio-cni (or the pod out of sidecar injection) and start these pods again'
  }
}
