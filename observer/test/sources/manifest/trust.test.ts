// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseManifest } from '../../../sources/manifest/parse.ts'
import { type Content, patience, wholeness } from '../../../sources/manifest/trust.ts'
import { anyFile, namespaceYaml, podYaml } from './texts.ts'

const content = (text: string, inode = 1n, ageMs = 0): Content => ({
  text,
  parsed: parseManifest('a.yaml', text),
  inode,
  ageMs
})
const cart = podYaml({
  name: 'cart',
  uid: 'u',
  annotations: { 'sluice.mesh/ambient': 'true' },
  ip: '10.0.0.1'
})
const till = podYaml({ name: 'till', uid: 'v' })
const without = (text: string) => cart.replace(text, '')

describe('how whole a file looks', () => {
  it.each([
    ['a new file', undefined, content(cart), 'likely'],
    ['a changed value', content(cart), content(cart.replace('true', 'false')), 'whole'],
    ['one more document, written in place', content(cart), content(`${cart}---\n${till}`), 'likely'],
    ['one document less, written in place', content(`${cart}---\n${till}`), content(cart), 'doubtful'],
    ['one document less, renamed into place', content(`${cart}---\n${till}`), content(cart, 2n), 'replaced'],
    ['an annotation less', content(cart), content(without('    sluice.mesh/ambient: "true"\n')), 'doubtful'],
    ['a label less', content(cart), content(without('    app: cart\n')), 'doubtful'],
    ['no address any more', content(cart), content(without('  podIPs:\n    - ip: 10.0.0.1\n')), 'doubtful'],
    ['no runtime class any more', content(cart), content(without('  runtimeClassName: runc\n')), 'doubtful'],
    [
      'no service account any more',
      content(cart),
      content(without('  serviceAccountName: cart\n')),
      'doubtful'
    ],
    ['no phase any more', content(cart), content(without('  phase: Running\n')), 'doubtful'],
    [
      'a namespace without its label',
      content(namespaceYaml('a')),
      content(namespaceYaml('a').replace(/ {2}labels.*\n.*\n/, '')),
      'doubtful'
    ],
    ['broken YAML', content(cart), content('kind: {', 2n), 'doubtful'],
    ['an invalid field', content(cart), content(cart.replace('cart\n', '3\n'), 2n), 'doubtful'],
    ['an empty file', undefined, content(''), 'doubtful'],
    ['a last line without its end', undefined, content(cart.trimEnd()), 'doubtful'],
    ['JSON without a last line end', undefined, content('{"kind": "Service"}'), 'likely']
  ])('%s', (_, former, seen, expected) => {
    expect(wholeness(former, seen)).toBe(expected)
  })
})

describe('patience', () => {
  it.each([
    ['nothing new', content(cart), content(cart), 0, 'same'],
    ['gone and never there', undefined, undefined, 0, 'same'],
    ['just gone', content(cart), undefined, 0, 50],
    ['gone for good', content(cart), undefined, 50, 0],
    ['whole', content(cart), content(cart.replace('true', 'false')), 0, 0],
    ['likely', undefined, content(cart), 0, 1],
    ['likely, seen twice', undefined, content(cart), 1, 0],
    ['likely, written long ago', undefined, content(cart, 1n, 1000), 0, 0],
    [
      'replaced by an old file that says less',
      content(`${cart}---\n${till}`),
      content(cart, 2n, 1000),
      0,
      10
    ],
    ['doubtful', content(cart), content(''), 0, 75],
    ['doubtful for a while', content(cart), content(''), 70, 5],
    ['doubtful, written long ago', undefined, content('', 1n, 1000), 0, 0],
    ['doubtful, written a clock step ahead', undefined, content('', 1n, -5000), 0, 75]
  ])('%s', (_, former, seen, unchangedMs, expected) => {
    expect(patience(former, seen, unchangedMs)).toBe(expected)
  })
})

describe('a file cut off anywhere', () => {
  const sorted = (text: string) => content(text).parsed.objects
  // Every line's end, which is where a cut is hardest to see, and every seventh place besides.
  const cuts = (file: string) =>
    Array.from(file.slice(0, -1), (_, at) => at + 1).filter((end) => file[end - 1] === '\n' || end % 7 === 0)

  it('is never believed at once over its whole self, unless it says the same', () => {
    fc.assert(
      fc.property(anyFile, (file) => {
        const whole = content(file)
        for (const end of cuts(file)) {
          const cut = content(file.slice(0, end))
          if (wholeness(whole, cut) === 'doubtful') continue
          expect(cut.parsed.objects).toEqual(sorted(file))
        }
      }),
      { numRuns: 5 }
    )
  })

  it('never names a pod, a uid or a value that the whole does not', () => {
    fc.assert(
      fc.property(anyFile, (file) => {
        const whole = new Map(
          sorted(file).map((object) => [object.kind === 'pod' ? object.pod.uid : '', object])
        )
        for (const end of cuts(file)) {
          const cut = content(file.slice(0, end))
          if (wholeness(undefined, cut) === 'doubtful') continue
          for (const object of cut.parsed.objects) {
            const original = whole.get(object.kind === 'pod' ? object.pod.uid : '')
            if (object.kind !== 'pod' || original?.kind !== 'pod') {
              expect(original?.kind).toBe('namespace')
              continue
            }
            const { name, annotations, labels, ips } = object.pod
            expect(original.pod).toMatchObject({ name, annotations, labels })
            expect(original.pod.ips).toEqual(expect.arrayContaining([...ips]))
          }
        }
      }),
      { numRuns: 5 }
    )
  })
})
