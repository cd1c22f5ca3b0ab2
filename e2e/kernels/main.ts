// SPDX-License-Identifier: Apache-2.0
// make test-kernels: the kernel layer and the netns layer on other kernels and on the running one. ARGS=--all runs
// all of the netns layer, a path that part of it alone; --kernel 6.1 takes one kernel, --update newer packages.

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Debian } from './debian.ts'
import { packInitramfs, release } from './initramfs.ts'
import type { Plan } from './inside.ts'
import { KERNELS, type Kernel, REPRESENTATIVE, SUITES } from './kernels.ts'
import { boot } from './machine.ts'

const ROOT = join(import.meta.dirname, '../..')
const TOOLS = join(ROOT, '.tools/kernels')
const BUSYBOX = join(TOOLS, 'busybox')
const RUNNING = 'running'
/** Emulation without KVM is ten to forty times slower than the machine. */
const PATIENCE = 20
const MINUTES = { representative: 90, all: 300 }
const TAIL = 40

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    all: { type: 'boolean', default: false },
    kernel: { type: 'string', multiple: true, default: [] },
    update: { type: 'boolean', default: false }
  }
})
const layers: Plan['layers'] = positionals.length > 0 ? ['netns'] : ['kernel', 'netns']
const netns = positionals.length > 0 ? positionals : values.all ? [] : REPRESENTATIVE
// Vitest takes a path that is not there for a filter that nothing matches.
const missing = netns.find((path) => !existsSync(join(ROOT, path)))
if (missing !== undefined) throw new Error(`${missing}: no such test`)
const debian = new Debian(join(TOOLS, 'apt'), SUITES)
const failures: string[] = []
const reported: string[] = []

/** Where that kernel is, unpacked; fetched when it is not there yet. */
function fetched({ series }: Kernel): string {
  const directory = join(TOOLS, series)
  if (values.update) rmSync(directory, { recursive: true, force: true })
  if (!existsSync(directory)) debian.unpack(debian.newestKernel(series), directory)
  if (!existsSync(BUSYBOX)) debian.unpack('busybox-static', BUSYBOX)
  return directory
}

/** Debian 13 has moved it. */
function busybox(): string {
  const merged = join(BUSYBOX, 'usr/bin/busybox')
  return existsSync(merged) ? merged : join(BUSYBOX, 'bin/busybox')
}

function prepare(name: string, plan: Plan): string {
  const reports = join(ROOT, 'reports/kernels', name)
  rmSync(reports, { recursive: true, force: true })
  mkdirSync(reports, { recursive: true })
  writeFileSync(join(reports, 'plan.json'), JSON.stringify(plan))
  for (const layer of plan.layers) reported.push(`kernels/${name}/${layer}`)
  return reports
}

/** `sluice check` has to find everything, or to say what there is not. */
function judgeCheck({ series, lacks }: Pick<Kernel, 'series' | 'lacks'>, reports: string): void {
  const [said, code] = ['check.txt', 'check.exit'].map((name) =>
    readFileSync(join(reports, name), 'utf8').trim()
  )
  const complaint = lacks.find((what) => !said?.includes(what))
  const runs = code === '0' || code === '1'
  if (complaint !== undefined)
    failures.push(`${series}: sluice check does not say that it lacks ${complaint}`)
  else if (runs !== (lacks.length === 0)) failures.push(`${series}: sluice check exited with ${code}`)
  else console.log(`${series} | sluice check: ${runs ? 'everything is there' : `lacks ${lacks.join(', ')}`}`)
}

async function onOther(kernel: Kernel): Promise<void> {
  const { series, lacks } = kernel
  const reports = prepare(series, { layers: lacks.length > 0 ? [] : layers, netns, patience: PATIENCE })
  const log = join(reports, 'console.log')
  try {
    const directory = fetched(kernel)
    const version = release(directory)
    console.log(`== ${series}: Linux ${version}, emulated`)
    await boot({
      kernel: join(directory, `boot/vmlinuz-${version}`),
      initramfs: packInitramfs(directory, busybox()),
      variables: {
        project: ROOT,
        // The guest's init follows no link: they lead through the host's root, which is not its own yet.
        modules: realpathSync(join(directory, 'lib/modules', version)),
        reports,
        busybox: busybox(),
        node: process.execPath
      },
      minutes: values.all ? MINUTES.all : MINUTES.representative,
      console: log,
      tell: (line) => console.log(`${series} | ${line}`)
    })
    if (!existsSync(join(reports, 'check.exit'))) throw new Error('it ended before it could report')
    judgeCheck(kernel, reports)
  } catch (error) {
    failures.push(`${series}: ${error instanceof Error ? error.message : String(error)}`)
    if (existsSync(log)) console.log(readFileSync(log, 'utf8').split('\n').slice(-TAIL).join('\n'))
  }
}

function onRunning(): void {
  const reports = prepare(RUNNING, { layers, netns, patience: 1 })
  const version = execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim()
  console.log(`== ${RUNNING}: Linux ${version}`)
  spawnSync(process.execPath, [join(import.meta.dirname, 'inside.ts'), reports], { stdio: 'inherit' })
  judgeCheck({ series: RUNNING, lacks: [] }, reports)
}

if (process.arch !== 'x64') throw new Error('the emulated kernels are x86-64: this machine is not')
const names = [RUNNING, ...KERNELS.map(({ series }) => series)]
const unknown = values.kernel.find((name) => !names.includes(name))
if (unknown !== undefined) throw new Error(`--kernel ${unknown}: there are ${names.join(', ')}`)
const wanted = (name: string) => values.kernel.length === 0 || values.kernel.includes(name)

// Guests end with this process.
process.once('SIGINT', () => process.exit(130))
process.once('SIGTERM', () => process.exit(143))
if (wanted(RUNNING)) onRunning()
for (const kernel of KERNELS) if (wanted(kernel.series)) await onOther(kernel)
const failed = failures.flatMap((failure) => ['--failed', failure])
const summary = ['.ci/summary.ts', ...reported, ...failed]
// Of a kernel on which nothing but the check runs there is nothing to add up.
if (reported.length + failed.length > 0) {
  process.exitCode = spawnSync(process.execPath, summary, { cwd: ROOT, stdio: 'inherit' }).status ?? 1
}
