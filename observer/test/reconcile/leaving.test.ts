// SPDX-License-Identifier: Apache-2.0
import { firstValueFrom } from 'rxjs'
import { describe, expect, it } from 'vitest'
import { unseen } from '../../pods/state.ts'
import { Reconciler, type ReconcilerOptions } from '../../reconcile/reconciler.ts'

/** A ztunnel that cannot be told anything the first time. */
function reconciler(): Reconciler {
  let told = 0
  const withdraw = () => (told++ === 0 ? Promise.reject(new Error('ZDS hangs')) : Promise.resolve())
  return new Reconciler({ zds: { withdraw } } as unknown as ReconcilerOptions)
}

describe('leaving', () => {
  it('is answered as failed with the reason, and well when it is tried again', async () => {
    const made = reconciler()
    const state = { ...unseen('u1', 0), phase: 'leaving' as const }
    for (const input of [
      { kind: 'leave-failed', error: 'ZDS hangs', epoch: 1 },
      { kind: 'left', epoch: 2 }
    ]) {
      const answer = firstValueFrom(made.answers$)
      made.perform({ do: 'leave', epoch: input.epoch }, state)
      expect(await answer).toEqual({ kind: 'answer', uid: 'u1', input })
    }
    await made.close()
  })
})
