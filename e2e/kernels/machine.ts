// SPDX-License-Identifier: Apache-2.0
// A guest under emulation, without KVM: QEMU, and virtiofsd for the host's files.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

/** Debian 12 has it in qemu-system-common, Debian 13 in a package of its own. */
const VIRTIOFSD = ['/usr/libexec/virtiofsd', '/usr/lib/qemu/virtiofsd']
const MEMORY = '3G'

const PARAMETERS = [
  'console=ttyS0',
  'panic=-1',
  'quiet',
  // A busy machine is late with the timer's first ticks, and the kernel would give up.
  'no_timer_check',
  // Programs and namespaces come and go with a grace period each, which emulated processors are long in ending.
  'rcupdate.rcu_expedited=1'
]

export interface Boot {
  readonly kernel: string
  readonly initramfs: string
  /** Variables for the guest's init. */
  readonly variables: Readonly<Record<string, string>>
  readonly minutes: number
  /** Where the console is written. */
  readonly console: string
  readonly tell: (line: string) => void
}

function virtiofsd(socket: string): ChildProcess {
  const program = VIRTIOFSD.find((path) => existsSync(path))
  if (program === undefined)
    throw new Error(`virtiofsd is missing: neither ${VIRTIOFSD.join(' nor ')} is there`)
  const options = ['source=/', 'cache=always', 'sandbox=chroot', 'log_level=err'].flatMap((value) => [
    '-o',
    value
  ])
  return spawn(program, [`--socket-path=${socket}`, ...options], { stdio: 'ignore' })
}

async function until(there: () => boolean, server: ChildProcess): Promise<void> {
  while (!there()) {
    if (server.exitCode !== null) throw new Error(`virtiofsd ended with ${server.exitCode}`)
    await sleep(20)
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

/** Boots, and waits until the guest has powered itself off. @throws Error when it has not in time. */
export async function boot({ kernel, initramfs, variables, minutes, console, tell }: Boot): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-kernels-'))
  const socket = join(directory, 'files')
  const files = virtiofsd(socket)
  let machine: ChildProcess | undefined
  const end = () => {
    machine?.kill('SIGKILL')
    files.kill('SIGKILL')
  }
  process.once('exit', end)
  try {
    await until(() => existsSync(socket), files)
    const words = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
    const options = {
      machine: 'q35,memory-backend=memory',
      accel: 'tcg,thread=multi',
      // QEMU 7.2 gets the flags of cmpxchg16b wrong now and then, and 6.12 panics; kernels do without it.
      cpu: 'max,-cx16',
      smp: '2',
      m: MEMORY,
      object: `memory-backend-memfd,id=memory,size=${MEMORY},share=on`,
      kernel,
      initrd: initramfs,
      append: [...PARAMETERS, ...words].join(' '),
      chardev: `socket,id=files,path=${socket}`,
      device: 'vhost-user-fs-pci,chardev=files,tag=host',
      net: 'none'
    }
    const argv = Object.entries(options).flatMap(([name, value]) => [`-${name}`, value])
    const spawned = spawn('qemu-system-x86_64', [...argv, '-nographic', '-no-reboot'], {
      stdio: ['ignore', 'pipe', 'pipe']
    })
    machine = spawned
    const exited = once(spawned, 'exit')
    const written = createWriteStream(console)
    spawned.stderr.pipe(written, { end: false })
    let late = false
    const limit = setTimeout(() => {
      late = true
      spawned.kill('SIGKILL')
    }, minutes * 60_000)
    for await (const line of createInterface(spawned.stdout)) {
      written.write(`${line}\n`)
      tell(line)
    }
    await exited
    clearTimeout(limit)
    written.end()
    await once(written, 'finish')
    if (late) throw new Error(`it was not done within ${minutes} minutes`)
    if (spawned.exitCode !== 0) throw new Error(`QEMU ended with ${spawned.exitCode ?? spawned.signalCode}`)
  } finally {
    if (machine !== undefined) await stop(machine)
    await stop(files)
    process.off('exit', end)
    rmSync(directory, { recursive: true, force: true })
  }
}
