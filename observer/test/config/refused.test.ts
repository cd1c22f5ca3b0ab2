// SPDX-License-Identifier: Apache-2.0

import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../config/load.ts'
import { SETTINGS } from '../../config/settings.ts'
import { file, problems } from './problems.ts'

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
  pinDirectory: ['', '/sluice', 'a.b', '..', 'a/b', 'a/'],
  'zds.socket': SOCKETS,
  'ztunnel.namespace': NAMES,
  'ztunnel.serviceAccount': ['', 'Upper', 'a_b', 'x'.repeat(254)],
  'ztunnel.cgroup': PATHS,
  'kubelet.exempt': ['', 'yes'],
  'kubelet.cgroup': PATHS,
  'kubelet.addresses': ['node', '10.0.0.256', '10.0.0.0/24'],
  dnsCapture: ['', 'yes'],
  excludeNamespaces: ['Upper', 'a,b_', 'a,,b'],
  unsupportedRuntimeClasses: ['Kata', 'a,,b'],
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
