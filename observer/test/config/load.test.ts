// SPDX-License-Identifier: Apache-2.0

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ConfigInput, loadConfig } from '../../config/load.ts'
import { ConfigError, type ConfigProblem } from '../../config/problem.ts'
import { SETTINGS } from '../../config/settings.ts'

const file = (text: string) => ({ path: '/c.yaml', text })

function problems(input: ConfigInput): readonly ConfigProblem[] {
  try {
    loadConfig(input)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

const PATHS = ['', 'relative', '/', '/a/../b', '/a/', '/a//b', '/a/./b', 'a\0b']
const SOCKETS = [...PATHS, `/${'x'.repeat(107)}`]
const DURATIONS = ['5', 's', '-1s', '1e3s', '5 s', '25h', '1d', '']
const NAMES = ['', 'Upper', 'under_score', '-x', 'x-', 'a b', 'x'.repeat(64)]

/** What each setting must refuse, as text: the same in the environment and on the command line. */
const REFUSED: Readonly<Record<string, readonly string[]>> = {
  mode: ['', 'paused', 'Observe'],
  source: ['', 'Manifest', 'docker'],
  'manifest.directory': PATHS,
  'kubernetes.kubeconfig': PATHS,
  'kubernetes.nodeName': ['', 'Upper', 'a_b', 'x'.repeat(254)],
  'kubernetes.namespace': NAMES,
  'kubernetes.serviceAccount': ['', 'Upper', 'a_b', 'x'.repeat(254)],
  'kubernetes.daemonSet': ['', 'Upper', 'a_b', 'x'.repeat(254)],
  cgroupRoots: ['kubepods', '/a,b', '/a/../b', '/'],
  bpffs: PATHS,
  pinDirectory: ['', '/sluice', 'a.b', '..', 'a//b', 'a/'],
  'zds.socket': SOCKETS,
  'ztunnel.namespace': NAMES,
  'ztunnel.serviceAccount': ['', 'Upper', 'a_b', 'x'.repeat(254)],
  'ztunnel.cgroup': PATHS,
  'kubelet.exempt': ['', 'yes'],
  'kubelet.cgroup': PATHS,
  dnsCapture: ['', 'yes'],
  excludeNamespaces: ['Upper', 'a,b_', 'a,,b'],
  allowPodOptOut: ['', 'yes', '1', 'True'],
  strict: ['', 'yes', '1', 'True'],
  nestedNetns: ['', 'drop'],
  holdWarning: [...DURATIONS, '0s', '99ms'],
  heartbeatStale: [...DURATIONS, '0s', '999ms'],
  drainTimeout: [...DURATIONS, '99ms'],
  establishedConnections: ['', 'keep'],
  scanInterval: [...DURATIONS, '99ms'],
  processEvents: ['', 'off'],
  verifyInterval: [...DURATIONS, '0s', '99ms'],
  maxPods: ['', '0', '-1', '1.5', '1000001', 'many'],
  maxConnections: ['63', '16777217', 'many'],
  ringBufferBytes: ['4095', '2048', '5000', '12288', '134217728'],
  'steering.mark': ['0', '0x100000000', '0x111', '0x539', '0x1000', '-1', 'x'],
  'steering.mask': ['0', '0x100000000', 'x'],
  'steering.table': ['0', '100', '253', '254', '255', '0x100000000'],
  'steering.priority': ['0', '32765', '-1'],
  'steering.protocol': ['0', '4', '256'],
  controlSocket: SOCKETS,
  'metrics.address': [
    '',
    '15014',
    ':15014',
    'localhost:1',
    '127.0.0.1',
    '::1:1',
    '[1.2.3.4]:1',
    '1.2.3.4:65536'
  ],
  'log.level': ['', 'INFO', 'verbose'],
  'log.format': ['', 'xml']
}

it.each([
  ['0', undefined],
  ['127.0.0.1:15014', { host: '127.0.0.1', port: 15014 }],
  ['0.0.0.0:0', { host: '0.0.0.0', port: 0 }],
  ['[fd00::1]:65535', { host: 'fd00::1', port: 65_535 }]
])('metrics.address %s is taken', (text, address) => {
  expect(loadConfig({ flags: { 'metrics.address': text } }).metrics).toEqual({ address })
})

describe('a refused value', () => {
  it('is known of every setting', () => {
    expect(Object.keys(REFUSED).sort()).toEqual(SETTINGS.map(({ key }) => key).sort())
  })

  const cases = SETTINGS.flatMap((setting) => (REFUSED[setting.key] ?? []).map((text) => ({ setting, text })))
  it.each(cases)('$setting.key does not accept "$text" from any place', ({ setting, text }) => {
    for (const [input, origin] of [
      [{ env: { [setting.variable]: text } }, `environment variable ${setting.variable}`],
      [{ flags: { [setting.key]: text } }, `flag ${setting.flag}`]
    ] as const) {
      const [problem, ...more] = problems(input)
      expect(problem).toMatchObject({ key: setting.key, origin })
      expect(problem?.message).toMatch(/is not accepted, expected .|steering.mask|Istio/)
      expect(more.every(({ key }) => key === setting.key)).toBe(true)
    }
  })

  it.each([
    ['strict: "true"', 'strict', 1],
    ['log:\n  level: 3', 'log.level', 2],
    ['\nmaxPods: "8"', 'maxPods', 2],
    ['holdWarning: 5', 'holdWarning', 1],
    ['cgroupRoots: /kubepods', 'cgroupRoots', 1],
    ['source:', 'source', 1],
    ['steering: 3', 'steering', 1],
    ['zds: []', 'zds', 1]
  ])('in a file is told with its line: %j', (text, key, line) => {
    expect(problems({ file: file(text) })).toEqual([
      expect.objectContaining({
        key,
        origin: `/c.yaml:${line}`,
        message: expect.stringContaining('is not accepted')
      })
    ])
  })

  it('is named together with what would be accepted', () => {
    expect(() => loadConfig({ env: { SLUICE_LOG__LEVEL: 'loud' } })).toThrow(
      'log.level (environment variable SLUICE_LOG__LEVEL): loud is not accepted, expected one of trace, debug'
    )
  })

  it('does not hide the others', () => {
    const env = { SLUICE_STRICT: 'x', SLUICE_NONE: 'y' }
    const keys = problems({ file: file('log:\n  format: x'), env, flags: { maxPods: '0' } }).map(
      ({ key }) => key
    )
    expect(keys.sort()).toEqual(['SLUICE_NONE', 'log.format', 'maxPods', 'strict'])
  })

  it("is a mark that cannot be told from Istio's under a narrower mask", () => {
    const found = problems({ file: file('steering:\n  mark: 0x11\n  mask: 0xff') })
    expect(found[0]?.message).toContain("Istio's own mark 0x111")
  })
})

describe('an unknown name', () => {
  it.each([
    ['strikt: true', 'strikt', ''],
    ['holdwarning: 5s', 'holdwarning', '; did you mean holdWarning?'],
    ['zds:\n  sockets: /x', 'zds.sockets', ''],
    ['level: info', 'level', '; did you mean log.level?'],
    ['__proto__: 1', '__proto__', '']
  ])('in a file is an error: %j', (text, key, hint) => {
    expect(problems({ file: file(text) })).toEqual([
      { key, origin: expect.stringMatching(/^\/c\.yaml:[12]$/), message: `no setting has this name${hint}` }
    ])
  })

  it('in the environment is an error, unless Kubernetes made it for a Service', () => {
    const links = {
      SLUICE_SERVICE_HOST: '10.0.0.1',
      SLUICE_SERVICE_PORT_METRICS: '1',
      SLUICE_METRICS_PORT_80_TCP_ADDR: '10.0.0.1',
      SLUICE_PORT: 'tcp://10.0.0.1:80'
    }
    expect(problems({ env: { ...links, SLUICE_STRICKT: 'true', PATH: '/bin' } })).toEqual([
      {
        key: 'SLUICE_STRICKT',
        origin: 'environment variable SLUICE_STRICKT',
        message: 'no setting has this name'
      }
    ])
  })
})

describe('the layers', () => {
  const level = {
    file: file('log: { level: warn }'),
    env: { SLUICE_LOG__LEVEL: 'error' },
    flags: { 'log.level': 'fatal' }
  }

  it.each([
    ['flag over all', level, 'fatal'],
    ['environment over file', { file: level.file, env: level.env }, 'error'],
    ['file over default', { file: level.file }, 'warn'],
    ['default', {}, 'info']
  ] as const)('%s', (_, input, expected) => {
    expect(loadConfig(input).log.level).toBe(expected)
  })

  it('meet inside one group', () => {
    const { steering } = loadConfig({
      file: file('steering:\n  table: 77'),
      env: { SLUICE_STEERING__MARK: '0x51d' },
      flags: { 'steering.priority': '9' }
    })
    expect(steering).toEqual({ mark: 0x51d, mask: 0xfff, table: 77, priority: 9, protocol: 151 })
  })

  it.each([
    ['SLUICE_EXCLUDE_NAMESPACES', 'a, b', 'excludeNamespaces', ['a', 'b']],
    ['SLUICE_EXCLUDE_NAMESPACES', '', 'excludeNamespaces', []],
    ['SLUICE_STRICT', 'true', 'strict', true],
    ['SLUICE_SCAN_INTERVAL', '0s', 'scanInterval', 0],
    ['SLUICE_DRAIN_TIMEOUT', '1.5m', 'drainTimeout', 90_000],
    ['SLUICE_RING_BUFFER_BYTES', '0x1000', 'ringBufferBytes', 4096]
  ] as const)('%s=%j becomes a value', (name, text, key, value) => {
    expect(loadConfig({ env: { [name]: text } })[key]).toEqual(value)
  })

  it('take lists and groups out of a file', () => {
    const text =
      'excludeNamespaces: [a, b]\ncgroupRoots:\n  - /kubepods\nztunnel: { cgroup: /z }\nsteering: { mark: 0x51d }'
    const { excludeNamespaces, cgroupRoots, ztunnel, steering } = loadConfig({ file: file(text) })
    expect([excludeNamespaces, cgroupRoots, ztunnel.cgroup, steering.mark]).toEqual([
      ['a', 'b'],
      ['/kubepods'],
      '/z',
      0x51d
    ])
  })

  it('take a flag without a value as true', () => {
    expect(loadConfig({ flags: { strict: true } }).strict).toBe(true)
  })
})

describe('a file', () => {
  it.each(['', '# nothing\n', '---\n', 'null'])('may be empty: %j', (text) => {
    expect(loadConfig({ file: file(text) })).toEqual(loadConfig())
  })

  it.each([
    ['a: [', 1],
    ['strict: true\nstrict: false', 2],
    ['- strict', 1],
    ['text', 1]
  ])('that is not a mapping is told with its line: %j', (text, line) => {
    expect(problems({ file: file(text) })).toEqual([
      expect.objectContaining({ key: '', origin: `/c.yaml:${line}` })
    ])
  })

  it('with an alias to nothing names its line', () => {
    expect(problems({ file: file('source: *nothing\n') })).toMatchObject([
      { key: 'source', origin: expect.stringMatching(/:1$/) }
    ])
  })

  it('of any content is accepted or refused with a ConfigError', () => {
    const name = fc.constantFrom(...SETTINGS.map(({ key }) => key), 'log', 'steering', '__proto__', 'x')
    const value = fc.oneof(
      fc.jsonValue().map((json) => JSON.stringify(json)),
      fc.string()
    )
    const line = fc.tuple(name, value).map(([key, text]) => `${key}: ${text}\n`)
    const text = fc.oneof(
      fc.string(),
      fc.array(line).map((lines) => lines.join(''))
    )
    fc.assert(fc.property(text, (content) => void problems({ file: file(content) })))
  })
})

it('is frozen, so that no part of the agent changes it for another', () => {
  const config = loadConfig()
  expect(Object.isFrozen(config)).toBe(true)
  expect(Object.isFrozen(config.steering) && Object.isFrozen(config.excludeNamespaces)).toBe(true)
})
