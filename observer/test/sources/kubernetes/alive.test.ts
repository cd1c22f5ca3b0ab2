// SPDX-License-Identifier: Apache-2.0
import { TestScheduler } from 'rxjs/testing'
import { expect, it } from 'vitest'
import { ApiFailure } from '../../../kubernetes/failure.ts'
import { alive } from '../../../sources/kubernetes/alive.ts'

const SILENT = new ApiFailure(0, 'connection has gone silent')

/** `s` is a sign; 5 ms of silence, 20 ms of life. */
it.each([
  ['values and the end pass', 'a-b-|', 'a-b-|', '^---!'],
  ['errors pass', 'a-#', 'a-#', '^-!'],
  ['silence means nothing before a sign', 'a 9ms b 3ms |', 'a 9ms b 3ms |', '^ 13ms !'],
  ['silence after a sign is an error', 's-a------------', 's-a----#', '^------!'],
  ['every value ends the silence', 's---a---a---s-|', 's---a---a---s-|', '^-------------!'],
  ['what lives too long is an error', 'a 18ms b----------', 'a 18ms b#', '^ 19ms !'],
  ['nothing at all is an error', '------------------------', '20ms #', '^ 19ms !']
])('%s', (_, source, expected, subscription) => {
  const scheduler = new TestScheduler((actual, wanted) => expect(actual).toEqual(wanted))
  scheduler.run(({ cold, expectObservable, expectSubscriptions }) => {
    const source$ = cold<string>(source)
    const options = { isSign: (value: string) => value === 's', silenceMs: 5, lifeMs: 20, scheduler }
    expectObservable(source$.pipe(alive(options))).toBe(
      expected,
      undefined,
      source.includes('#') ? 'error' : SILENT
    )
    expectSubscriptions(source$.subscriptions).toBe(subscription)
  })
})

it('is not heard of any more after its end is called', () => {
  const scheduler = new TestScheduler((actual, wanted) => expect(actual).toEqual(wanted))
  scheduler.run(({ cold, expectObservable, expectSubscriptions }) => {
    const source$ = cold<string>('s-----------')
    const options = { isSign: () => true, silenceMs: 5, lifeMs: 20, scheduler }
    expectObservable(source$.pipe(alive(options)), '--!').toBe('s--')
    expectSubscriptions(source$.subscriptions).toBe('^-!')
  })
})
