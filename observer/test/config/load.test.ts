// SPDX-License-Identifier: Apache-2.0

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../config/load.ts'
import { SETTINGS } from '../../config/settings.ts'

import { file, problems } from './problems.ts'

it.each([
  ['0', undefined],
  ['127.0.0.1:15014', { host: '127.0.0.1', port: 15014 }],
  ['0.0.0.0:0', { host: '0.0.0.0', port: 0 }],
  ['[fd00::1]:65535', { host: 'fd00::1', port: 65_535 }]
])('metrics.address %s is taken', (text, address) => {
  expect(loadConfig({ flags: { 'metrics.address': text } }).metrics).toEqual({ address })
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
    ['SLUICE_UNSUPPORTED_RUNTIME_CLASSES', 'a.b, c', 'unsupportedRuntimeClasses', ['a.b', 'c']],
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
