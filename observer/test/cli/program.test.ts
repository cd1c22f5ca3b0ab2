// SPDX-License-Identifier: Apache-2.0

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, it } from 'vitest'
import { removalText } from '../../cli/cleanup.ts'
import { SETTINGS } from '../../config/settings.ts'
import { serveControl } from '../../control/server.ts'
import { report } from '../control/report.ts'

const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url))
const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

let directory = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-cli-'))
  return () => rmSync(directory, { recursive: true })
})

function sluice(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { PATH } = process.env
  const set = { ...(PATH === undefined ? {} : { PATH }), NO_COLOR: '1', ...env }
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    env: set,
    encoding: 'utf8'
  })
  return { status, stdout, stderr }
}

describe('sluice', () => {
  it.each(['--version', '-V'])('%s prints the version alone', (flag) => {
    expect(sluice([flag])).toEqual({ status: 0, stdout: `${version}\n`, stderr: '' })
  })

  it('--help names every command', () => {
    const { status, stdout } = sluice(['--help'])
    expect(status).toBe(0)
    for (const command of ['agent', 'status', 'check', 'cleanup'])
      expect(stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'))
  })

  it.each(['agent', 'status', 'check', 'cleanup'])('%s --help has an example', (command) => {
    const { status, stdout } = sluice([command, '--help'])
    expect(status).toBe(0)
    expect(stdout).toContain(`Example:\n  sudo sluice ${command}`)
  })

  it('agent --help names every setting', () => {
    const { stdout } = sluice(['agent', '--help'])
    for (const { flag } of SETTINGS) expect(stdout).toContain(`  ${flag} `)
  })

  it.each([
    [[], 'Usage: sluice'],
    [['stats'], 'Did you mean status?'],
    [['agent', '--stricct'], 'Did you mean --strict?'],
    [['status', '--max-pods', 'x'], 'maxPods (flag --max-pods): x is not accepted'],
    [['status', '--config', '/nonexistent'], 'SLUICE_ERR_CONFIG_FILE']
  ])('%j is refused with exit code 2', (args, message) => {
    const { status, stdout, stderr } = sluice(args)
    expect(status).toBe(2)
    expect(stderr).toContain(message)
    expect(stdout).toBe('')
  })
})

describe('settings', () => {
  it('come from the file that --config names, below environment and flags', () => {
    const file = join(directory, 'c.yaml')
    writeFileSync(file, 'maxPods: a\nmaxConnections: b\nringBufferBytes: c\n')
    const { stderr } = sluice(['status', '--config', file, '--max-pods', 'f'], {
      SLUICE_MAX_CONNECTIONS: 'e'
    })
    expect(stderr).toContain('maxPods (flag --max-pods): f')
    expect(stderr).toContain('maxConnections (environment variable SLUICE_MAX_CONNECTIONS): e')
    expect(stderr).toContain(`ringBufferBytes (${file}:3): c`)
  })
})

describe('agent', () => {
  it('says in its log what it cannot use of a configuration of the API server', () => {
    const kubeconfig = join(directory, 'none')
    const sockets = ['--control-socket', join(directory, 's'), '--zds.socket', join(directory, 'z')]
    const { status, stderr } = sluice([
      'agent',
      '--source',
      'kubernetes',
      '--kubernetes.kubeconfig',
      kubeconfig,
      ...sockets
    ])
    expect(status).toBe(2)
    expect(JSON.parse(stderr)).toMatchObject({
      level: 'fatal',
      err: { code: 'SLUICE_ERR_KUBERNETES_CONFIG', message: expect.stringContaining('ENOENT') }
    })
  })
})

describe('beside a running agent', () => {
  const asked = async (args: readonly string[]) => {
    const { spawn } = await import('node:child_process')
    const { text } = await import('node:stream/consumers')
    const socket = join(directory, 's')
    const server = await serveControl(socket, { status: () => report, setLogLevel: () => 'info' })
    try {
      const child = spawn(process.execPath, [main, ...args, '--control-socket', socket], { stdio: 'pipe' })
      const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
      const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
      return { status: await ended, stdout, stderr }
    } finally {
      await server.close()
    }
  }

  it('status --json prints its report', async () => {
    const { status, stdout } = await asked(['status', '--json'])
    expect(JSON.parse(stdout)).toEqual(report)
    expect(status).toBe(1)
  })

  it('log-level changes it, and says what it was', async () => {
    expect(await asked(['log-level', 'debug'])).toEqual({
      status: 0,
      stdout: 'debug (was info)\n',
      stderr: ''
    })
    expect(await asked(['log-level', 'loud'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('fatal')
    })
  })

  it('status prints tables without colours into a pipe', async () => {
    const { stdout } = await asked(['status'])
    expect(stdout).toMatch(/^shop +cart +verified/m)
    expect(stdout).not.toContain('\x1b')
  })

  it('cleanup refuses to work', async () => {
    const { status, stderr } = await asked(['cleanup'])
    expect(status).toBe(2)
    expect(stderr).toContain('SLUICE_ERR_CLEANUP_AGENT_RUNNING')
  })
})

it('status without an agent and without pinned state says so', () => {
  const { status, stderr } = sluice([
    'status',
    '--control-socket',
    join(directory, 's'),
    '--bpffs',
    directory
  ])
  expect(status).toBe(2)
  expect(stderr).toContain('SLUICE_ERR_CONTROL_NO_AGENT')
})

it.each([
  [{ links: 3, rules: 0, maps: 2 }, 'removed 3 links\nremoved 2 maps\n'],
  [{}, 'nothing of Sluice was found\n'],
  [{ links: 0 }, 'nothing of Sluice was found\n']
])('cleanup says what it removed: %j', (removed, expected) => {
  expect(removalText(removed)).toBe(expected)
})
