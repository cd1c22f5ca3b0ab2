// SPDX-License-Identifier: Apache-2.0
// What a kubelet and the bridge plugin set on the machine itself, to be put back.

import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const CHANGED = [
  'kernel/keys/root_maxbytes',
  'kernel/keys/root_maxkeys',
  'kernel/panic',
  'kernel/panic_on_oops',
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'net/ipv4/ip_forward',
  'net/ipv6/conf/all/forwarding'
]

export async function readSysctls(): Promise<Record<string, string>> {
  const present = CHANGED.filter((name) => existsSync(join('/proc/sys', name)))
  const entries = present.map(async (name) => [
    name,
    (await readFile(join('/proc/sys', name), 'utf8')).trim()
  ])
  return Object.fromEntries(await Promise.all(entries)) as Record<string, string>
}

/** Only what differs is written. */
export async function restoreSysctls(former: Readonly<Record<string, string>>): Promise<void> {
  const now = await readSysctls()
  for (const [name, value] of Object.entries(former))
    if (now[name] !== value) await writeFile(join('/proc/sys', name), value)
}
