// SPDX-License-Identifier: Apache-2.0
// Debian packages of any suite, without a word to the machine's own apt: a configuration, lists and cache apart,
// with the archive that the machine itself takes packages from.

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg'

function run(argv: readonly [string, ...string[]], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) {
  const [command, ...args] = argv
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], ...options })
}

/** The Debian archive that this machine uses, else what DEBIAN_ARCHIVE names. */
function archive(): string {
  const named = process.env.DEBIAN_ARCHIVE
  if (named !== undefined) return named
  const targets = run(['apt-get', 'indextargets', '--format', '$(ORIGIN) $(LABEL) $(REPO_URI)'])
  const used = targets.split('\n').find((line) => line.startsWith('Debian Debian '))
  if (used === undefined) throw new Error('this machine uses no Debian archive: name one with DEBIAN_ARCHIVE')
  return used.split(' ')[2] ?? ''
}

export class Debian {
  readonly #directory: string
  readonly #suites: readonly string[]
  #configured: NodeJS.ProcessEnv | undefined

  /** @param directory holds the lists and what was downloaded */
  constructor(directory: string, suites: readonly string[]) {
    this.#directory = directory
    this.#suites = suites
  }

  /** The environment in which apt sees the suites alone; the lists are fetched when it is asked for first. */
  #apt(): NodeJS.ProcessEnv {
    if (this.#configured === undefined) {
      const at = (...names: string[]) => join(this.#directory, ...names)
      const from = archive()
      for (const name of ['state/lists/partial', 'cache/archives/partial'])
        mkdirSync(at(name), { recursive: true })
      writeFileSync(at('status'), '')
      writeFileSync(
        at('sources.list'),
        this.#suites.map((suite) => `deb [arch=amd64 signed-by=${KEYRING}] ${from} ${suite} main\n`).join('')
      )
      const settings = {
        'Dir::State': at('state'),
        'Dir::State::status': at('status'),
        'Dir::Cache': at('cache'),
        'Dir::Etc::sourcelist': at('sources.list'),
        'Dir::Etc::sourceparts': '/dev/null',
        'Acquire::Languages': 'none',
        'APT::Sandbox::User': 'root'
      }
      const conf = at('apt.conf')
      writeFileSync(
        conf,
        Object.entries(settings)
          .map(([name, value]) => `${name} "${value}";\n`)
          .join('')
      )
      this.#configured = { ...process.env, APT_CONFIG: conf }
      // A suite that the archive has put away fails; whoever needs one of its packages will say so.
      spawnSync('apt-get', ['update', '-q'], { env: this.#configured, stdio: 'inherit' })
    }
    return this.#configured
  }

  /** The newest cloud kernel of a series that the suites have, as a package's name. */
  newestKernel(series: string): string {
    const order = new Intl.Collator('en', { numeric: true })
    const listed = run(['apt-cache', 'pkgnames', `linux-image-${series}.`], { env: this.#apt() })
    const names = listed.split('\n').filter((name) => name.endsWith('-cloud-amd64'))
    const newest = names.sort(order.compare).at(-1)
    if (newest === undefined)
      throw new Error(`no suite of ${this.#suites.join(', ')} has a cloud kernel ${series}`)
    return newest
  }

  /** Unpacks a package into a directory that exists only once all of it is there. */
  unpack(name: string, directory: string): void {
    const making = `${directory}.tmp`
    rmSync(making, { recursive: true, force: true })
    mkdirSync(join(making, 'deb'), { recursive: true })
    run(['apt-get', 'download', '-q', name], { cwd: join(making, 'deb'), env: this.#apt() })
    run(['sh', '-c', 'dpkg-deb -x deb/*.deb .'], { cwd: making })
    rmSync(join(making, 'deb'), { recursive: true })
    // Debian 13 has moved what was below /lib; tools for modules look for it there.
    if (existsSync(join(making, 'usr/lib')) && !existsSync(join(making, 'lib')))
      symlinkSync('usr/lib', join(making, 'lib'))
    renameSync(making, directory)
  }
}
