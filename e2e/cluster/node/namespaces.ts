// SPDX-License-Identifier: Apache-2.0
// The node's mount and cgroup namespaces. A process holds them; components and tests enter through it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Running, type StartOptions } from '../../world/running.ts'
import type { ClusterState } from './state.ts'

/**
 * Runs in the new namespaces. cgroup2 is mounted where every container runtime looks for it, with the node's cgroup as
 * its root; what a node writes outside its own directory lands in memory and is gone with it. $1: the directory.
 */
const SCRIPT = `
set -e
mount -t cgroup2 none /sys/fs/cgroup
mkdir /sys/fs/cgroup/init
echo $$ >/sys/fs/cgroup/init/cgroup.procs
mkdir -p /sys/fs/bpf
mount -t bpf bpf /sys/fs/bpf
mkdir -p "$1/var-lib/upper" "$1/var-lib/work"
mount -t overlay -o "lowerdir=/var/lib,upperdir=$1/var-lib/upper,workdir=$1/var-lib/work" overlay /var/lib
for masked in /run /var/log; do mount -t tmpfs -o mode=755 tmpfs $masked; done
mkdir -p /run/netns /run/lock
mount --make-rshared /
echo '{"event":"held"}'
exec sleep infinity
`

/** The process goes into the cgroup first: what it is in becomes the root of the new namespace. */
const ENTER_CGROUP = 'echo $$ >"$0/cgroup.procs" && exec "$@"'

function inCgroup(cgroup: string, argv: readonly string[]): string[] {
  return ['sh', '-c', ENTER_CGROUP, cgroup, ...argv]
}

/** Makes the namespaces. @returns the process that holds them; it ends with its cgroup. */
export async function holdNamespaces(cgroup: string, directory: string): Promise<number> {
  const argv = inCgroup(cgroup, [
    'unshare',
    '--mount',
    '--cgroup',
    '--propagation',
    'private',
    'sh',
    '-c',
    SCRIPT,
    'node',
    directory
  ])
  const [command = '', ...args] = argv
  const holder = spawn(command, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  for (const stream of [holder.stdout, holder.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text
    })
  await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit')])
  if (!printed.includes('held') || holder.pid === undefined)
    throw new Error(`the node's namespaces could not be made: ${printed}`)
  holder.unref()
  holder.stdout.destroy()
  holder.stderr.destroy()
  return holder.pid
}

/** The command line that runs `argv` as a process of the node, in a cgroup below its root (absolute path). */
export function nodeCommand(
  state: Pick<ClusterState, 'holder'>,
  cgroup: string,
  argv: readonly string[]
): string[] {
  return inCgroup(cgroup, ['nsenter', '--target', `${state.holder}`, '--mount', '--cgroup', '--', ...argv])
}

/** Starts a command in the node's namespaces, in the cgroup of nobody else. */
export function onNode(state: ClusterState, argv: readonly string[], options?: StartOptions): Running {
  return new Running(nodeCommand(state, `${state.cgroup}/init`, argv), options)
}

/** Runs a command in the node's namespaces. @throws when it exits with anything but 0; gives its output. */
export async function mustOnNode(state: ClusterState, argv: readonly string[], input = ''): Promise<string> {
  const running = onNode(state, argv)
  running.write(input)
  running.endInput()
  const { code, stdout, stderr } = await running.finished()
  if (code !== 0) throw new Error(`${argv.join(' ')}: exit ${code}: ${stderr}${stdout}`)
  return stdout
}
