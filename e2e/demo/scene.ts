// SPDX-License-Identifier: Apache-2.0
import type { Screen } from './screen.ts'
import type { Stage } from './stage.ts'

/** True when what was seen is what was expected, word for word; words are made from observations. */
export interface Claim {
  /** Who saw it: the application, ztunnel, the server. */
  readonly observer: string
  readonly expected: string
  readonly seen: string
}

export interface Scene {
  readonly title: string
  readonly words: string
  play(stage: Stage, screen: Screen): Promise<readonly Claim[]>
}

export interface Script<Evidence> {
  readonly title: string
  readonly words: string
  readonly act: (stage: Stage, screen: Screen) => Promise<Evidence>
  readonly show?: (evidence: Evidence, screen: Screen) => void
  readonly check: (evidence: Evidence, stage: Stage) => readonly Claim[]
}

export function scene<Evidence>({ title, words, act, show, check }: Script<Evidence>): Scene {
  return {
    title,
    words,
    play: async (stage, screen) => {
      const evidence = await act(stage, screen)
      show?.(evidence, screen)
      return check(evidence, stage)
    }
  }
}

export function isTrue({ expected, seen }: Claim): boolean {
  return expected === seen
}
