// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { collect, EMPTY, succeeded } from '../../../sources/manifest/collection.ts'
import { diff } from '../../../sources/manifest/diff.ts'
import { parseManifest } from '../../../sources/manifest/parse.ts'
import { anyFile, namespaceYaml, podYaml } from './texts.ts'

const files = (texts: Readonly<Record<string, string>>) =>
  new Map(Object.entries(texts).map(([name, text]) => [name, parseManifest(name, text)]))
const collected = (texts: Readonly<Record<string, string>>) => collect(files(texts))
const numbered = (texts: readonly string[]) =>
  Object.fromEntries(texts.map((text, index) => [`${index}.yaml`, text]))
const cart = (uid: string, annotations = {}) => podYaml({ name: 'cart', uid, annotations })
const messages = (texts: Readonly<Record<string, string>>) =>
  [...collected(texts).problems.values()].map(({ message }) => message)

describe('of two objects with one identity the first by file and document counts', () => {
  it.each([
    [
      'one name, two uids',
      { 'b.yaml': cart('two'), 'a.yaml': cart('one') },
      'b.yaml: pod shop/cart is defined in a.yaml already'
    ],
    [
      'one uid, two names',
      { 'a.yaml': cart('one'), 'b.yaml': podYaml({ name: 'till', uid: 'one' }) },
      'b.yaml: pod uid one is defined in a.yaml already'
    ],
    [
      'in one file',
      { 'a.yaml': `${cart('one')}---\n${cart('two')}` },
      'a.yaml: document 2: pod shop/cart is defined in a.yaml: document 1 already'
    ]
  ])('%s', (_, texts, message) => {
    expect([...collected(texts).pods.values()].map(({ uid, name }) => [uid, name])).toEqual([['one', 'cart']])
    expect(messages(texts)).toEqual([message])
  })

  it('a namespace', () => {
    const texts = { 'b.yaml': namespaceYaml('shop', 'none'), 'a.yaml': namespaceYaml('shop', 'ambient') }
    expect(collected(texts).namespaces.get('shop')?.labels).toEqual({ 'istio.io/dataplane-mode': 'ambient' })
    expect(messages(texts)).toEqual(['b.yaml: namespace shop is defined in a.yaml already'])
  })
})

describe('a file that breaks', () => {
  const whole = parseManifest('a.yaml', `${cart('one')}---\n${podYaml({ name: 'till', uid: 'two' })}`)
  const uids = (text: string) =>
    succeeded(whole, parseManifest('a.yaml', text)).objects.map(
      (object) => object.kind === 'pod' && object.pod.uid
    )

  it('keeps what it said', () => {
    expect(uids('kind: {')).toEqual(['one', 'two'])
  })

  it('keeps the document at fault and changes the others', () => {
    const text = `${cart('new')}---\nkind: Pod\napiVersion: v1\nmetadata: {name: till, namespace: 3}\n`
    expect(uids(text)).toEqual(['new', 'two'])
  })

  it('drops what it no longer says once it is whole', () => {
    expect(uids(cart('one'))).toEqual(['one'])
  })
})

describe('the difference', () => {
  it.each([
    [
      'new objects',
      {},
      { 'a.yaml': `${cart('u')}---\n${namespaceYaml('shop')}` },
      ['namespace shop', 'pod u']
    ],
    [
      'removed objects',
      { 'a.yaml': `${namespaceYaml('shop')}---\n${cart('u')}` },
      {},
      ['pod-gone u', 'namespace-gone shop']
    ],
    ['a changed annotation', { 'a.yaml': cart('u') }, { 'a.yaml': cart('u', { a: 'b' }) }, ['pod u']],
    [
      'a new uid under the same name',
      { 'a.yaml': cart('u') },
      { 'a.yaml': cart('v') },
      ['pod-gone u', 'pod v']
    ],
    ['nothing', { 'a.yaml': cart('u') }, { 'a.yaml': `# a comment\n${cart('u')}` }, []],
    ['a problem', {}, { 'a.yaml': 'x' }, ['problem a.yaml']],
    ['the same problem', { 'a.yaml': 'x' }, { 'a.yaml': '"x"' }, []],
    ['another problem', { 'a.yaml': 'x' }, { 'a.yaml': '{' }, ['problem a.yaml']],
    ['a mended file', { 'a.yaml': 'x' }, { 'a.yaml': cart('u') }, ['pod u', 'mended a.yaml']],
    ['a removed file with a problem', { 'a.yaml': 'x' }, {}, ['mended a.yaml']]
  ])('of %s', (_, before, after, expected) => {
    const told = diff(collected(before), collected(after)).map((event) => {
      if (event.kind === 'pod') return `pod ${event.pod.uid}`
      if (event.kind === 'pod-gone') return `pod-gone ${event.uid}`
      if (event.kind === 'namespace') return `namespace ${event.namespace.name}`
      if (event.kind === 'namespace-gone') return `namespace-gone ${event.name}`
      return 'origin' in event ? `${event.kind} ${event.origin}` : event.kind
    })
    expect(told).toEqual(expected)
  })

  it('applied to what was, gives what is', () => {
    fc.assert(
      fc.property(fc.array(anyFile, { maxLength: 3 }), fc.array(anyFile, { maxLength: 3 }), (one, other) => {
        const [before, after] = [collected(numbered(one)), collected(numbered(other))]
        const pods = new Map(before.pods)
        for (const event of diff(before, after)) {
          if (event.kind === 'pod') pods.set(event.pod.uid, event.pod)
          if (event.kind === 'pod-gone') expect(pods.delete(event.uid)).toBe(true)
        }
        expect(pods).toEqual(new Map(after.pods))
        expect(diff(after, collected(numbered(other)))).toEqual([])
        expect(diff(EMPTY, EMPTY)).toEqual([])
      }),
      { numRuns: 50 }
    )
  })
})
