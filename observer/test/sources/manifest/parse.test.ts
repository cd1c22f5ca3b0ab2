// SPDX-License-Identifier: Apache-2.0
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseManifest } from '../../../sources/manifest/parse.ts'
import { anyFile, namespaceYaml, podYaml } from './texts.ts'

const UID = '0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9'
const POD = podYaml({
  name: 'cart',
  uid: UID,
  annotations: { 'sluice.mesh/ambient': 'true' },
  ip: '10.0.0.7'
})
const pods = (text: string) =>
  parseManifest('a.yaml', text).objects.flatMap((object) => (object.kind === 'pod' ? [object.pod] : []))
const messages = (text: string) =>
  parseManifest('pods/a.yaml', text).problems.map(({ error }) => error.message)
const metadata = (fields: object, rest: object = {}) =>
  JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a', uid: 'u', ...fields }, ...rest })

describe('a manifest', () => {
  it('gives the fields of a pod', () => {
    expect(pods(POD)).toEqual([
      {
        uid: UID,
        namespace: 'shop',
        name: 'cart',
        serviceAccount: 'cart',
        labels: { app: 'cart' },
        annotations: { note: 'a b', 'sluice.mesh/ambient': 'true' },
        hostNetwork: false,
        ips: ['10.0.0.7'],
        phase: 'Running',
        runtimeClass: 'runc',
        probePorts: [],
        origin: 'a.yaml'
      }
    ])
  })

  it('gives the labels and annotations of a namespace', () => {
    const [object] = parseManifest('n.yaml', namespaceYaml('shop')).objects
    expect(object).toMatchObject({
      kind: 'namespace',
      namespace: { name: 'shop', labels: { 'istio.io/dataplane-mode': 'ambient' }, annotations: {} }
    })
  })

  it('may leave out all but name and uid', () => {
    expect(pods(metadata({ labels: null }, { spec: null }))).toEqual([
      expect.objectContaining({
        namespace: 'default',
        serviceAccount: 'default',
        labels: {},
        ips: [],
        phase: 'Unknown'
      })
    ])
  })

  it.each([
    ['several documents', `---\n${POD}---\n---\n# only a comment\n---\n${namespaceYaml('shop')}`, 2],
    ['a list', JSON.stringify({ kind: 'List', apiVersion: 'v1', items: [JSON.parse(metadata({})), {}] }), 1],
    ['a typed list', JSON.stringify({ kind: 'PodList', items: [{ metadata: { name: 'a', uid: 'u' } }] }), 1],
    ['JSON', metadata({}), 1],
    ['other kinds', `kind: Service\napiVersion: v1\nmetadata: {name: 3}\n---\n${POD}`, 1],
    ['nothing', '', 0],
    ['comments', '# nothing yet\n', 0]
  ])('may have %s', (_, text, objects) => {
    expect(parseManifest('a.yaml', text).objects).toHaveLength(objects)
  })

  const hash = { 'kubernetes.io/config.hash': 'abc' }
  it.each([
    ['its own', { uid: 'u' }, 'u'],
    ["its own before a static pod's hash", { uid: 'u', annotations: hash }, 'u'],
    ["a static pod's hash", { uid: undefined, annotations: hash }, 'abc'],
    [
      "a mirror pod's hash",
      { uid: 'u', annotations: { ...hash, 'kubernetes.io/config.mirror': 'abc' } },
      'abc'
    ]
  ])('names a pod by uid: %s', (_, fields, uid) => {
    expect(pods(metadata(fields))[0]?.uid).toBe(uid)
  })

  it.each([
    [
      'podIPs',
      { podIP: '10.0.0.1', podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }] },
      ['10.0.0.1', 'fd00::1']
    ],
    ['podIP alone', { podIP: '10.0.0.1' }, ['10.0.0.1']],
    ['an empty podIP', { podIP: '' }, []],
    ['none', {}, []]
  ])('gives addresses: %s', (_, status, ips) => {
    expect(pods(metadata({}, { status }))[0]?.ips).toEqual(ips)
  })
})

describe('a problem names the file, the document, the field and what is wrong', () => {
  it.each([
    [
      `${namespaceYaml('shop')}---\n${metadata({ annotations: { foo: 3 } })}`,
      'pods/a.yaml: document 2: metadata.annotations.foo: expected string but received number (put it in quotes)'
    ],
    [metadata({ name: undefined }), 'pods/a.yaml: metadata.name: expected string but it is missing'],
    [metadata({ labels: [] }), 'pods/a.yaml: metadata.labels: expected record but received array'],
    [metadata({ name: '' }), 'pods/a.yaml: metadata.name: must not be empty'],
    [metadata({}, { apiVersion: 'v2' }), 'pods/a.yaml: apiVersion: expected v1'],
    [
      metadata({}, { spec: { hostNetwork: 'yes' } }),
      'pods/a.yaml: spec.hostNetwork: expected boolean but received string'
    ],
    [metadata({}, { status: { podIP: '10.0.0' } }), 'pods/a.yaml: status.podIP: is not an IP address'],
    [
      metadata({}, { status: { phase: 'Done' } }),
      'pods/a.yaml: status.phase: expected one of Pending, Running, Succeeded, Failed, Unknown'
    ],
    [metadata({ uid: undefined }), 'pods/a.yaml: pod default/a has no metadata.uid'],
    ['- 1\n- 2\n', 'pods/a.yaml: not a Kubernetes object'],
    ['hello\n', 'pods/a.yaml: not a Kubernetes object'],
    ['metadata: {name: a}\n', 'pods/a.yaml: kind is missing'],
    ['kind: pods\n', 'pods/a.yaml: kind: pods is not written so'],
    ['kind: List\nitems: 3\n', 'pods/a.yaml: items: expected array but received number'],
    ['kind: List\nitems: [{kind: pod}]\n', 'pods/a.yaml: items[0]: kind: pod is not written so']
  ])('%#: %s', (text, message) => {
    expect(messages(text)).toEqual([message])
  })

  it.each([
    ['metadata:\n  name: [a\n', /^pods\/a\.yaml: line \d, column \d is not YAML: /],
    ['a: 1\na: 2\n', /^pods\/a\.yaml: line 2, column 1 is not YAML: Map keys must be unique/],
    ['a: *nobody\n', /^pods\/a\.yaml: line 1, column 1 is not YAML: Unresolved alias/],
    [
      `a: &a [x,x,x]\nb: &b [${'*a,'.repeat(99)}]\nc: [${'*b,'.repeat(99)}]\n`,
      /is not YAML: Excessive alias count/
    ]
  ])('and the line, where it is not YAML: %j', (text, message) => {
    const { objects, problems, readable } = parseManifest('pods/a.yaml', text)
    expect({ objects, readable }).toEqual({ objects: [], readable: false })
    expect(problems[0]?.error.message).toMatch(message)
  })

  it('and the line in the whole file, and takes nothing from it', () => {
    const { objects, problems, readable } = parseManifest('a.yaml', `${POD}---\nkind: {`)
    expect({ objects, readable }).toEqual({ objects: [], readable: false })
    expect(problems[0]?.error.message).toContain(`line ${POD.split('\n').length + 1},`)
  })

  it('and does not keep the other documents from being read', () => {
    const { objects, problems } = parseManifest('a.yaml', `${metadata({ name: 3 })}\n---\n${POD}`)
    expect(objects).toHaveLength(1)
    expect(problems.map(({ origin }) => origin)).toEqual(['a.yaml: document 1'])
  })
})

describe('any text', () => {
  it('is parsed without throwing', () => {
    const token = fc.constantFrom(
      '- ',
      ': ',
      '\n',
      '  ',
      '{',
      '}',
      '&a',
      '*a',
      '"',
      '---\n',
      'kind',
      'Pod',
      '|',
      '!!x ',
      '%',
      '\0'
    )
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(token).map((tokens) => tokens.join(''))
    )
    fc.assert(
      fc.property(text, (any) => {
        const { objects, readable, problems } = parseManifest('a.yaml', any)
        if (!readable) expect([objects.length, problems.length]).toEqual([0, 1])
      }),
      { numRuns: 500 }
    )
  })

  it('of Kubernetes shape is parsed without throwing', () => {
    const key = fc.constantFrom(
      'name',
      'uid',
      'labels',
      'annotations',
      'spec',
      'status',
      'podIPs',
      'items',
      '__proto__'
    )
    const object = fc.object({ key, maxDepth: 3, withNullPrototype: false })
    fc.assert(
      fc.property(fc.constantFrom('Pod', 'Namespace', 'List'), object, object, (kind, metadata, rest) => {
        parseManifest('a.json', JSON.stringify({ ...rest, apiVersion: 'v1', kind, metadata }))
      })
    )
  })

  it('with one character of a valid file changed is parsed without throwing', () => {
    fc.assert(
      fc.property(
        anyFile,
        fc.nat(),
        fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
        (file, at, other) => {
          const index = at % file.length
          parseManifest('a.yaml', file.slice(0, index) + other + file.slice(index + 1))
        }
      ),
      { numRuns: 300 }
    )
  })
})
