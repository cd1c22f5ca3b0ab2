// SPDX-License-Identifier: Apache-2.0
// A certificate authority that lives as long as a test.

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Certificate {
  readonly cert: string
  readonly key: string
}

export class Authority {
  /** The path of its certificate. */
  readonly path: string
  readonly #directory: string
  #issued = 0

  /** @param directory where certificates and keys are put; removed by its owner */
  constructor(directory: string, name = 'ca') {
    this.#directory = directory
    this.path = join(directory, `${name}.crt`)
    openssl('req', '-x509', '-subj', `/CN=${name}`, ...key(join(directory, `${name}.key`)), '-out', this.path)
  }

  get cert(): string {
    return readFileSync(this.path, 'utf8')
  }

  /** For a server at 127.0.0.1, or for the client that is called so. */
  issue(commonName: string): Certificate {
    const path = join(this.#directory, `${commonName}-${++this.#issued}`)
    const extensions = `${path}.ext`
    writeFileSync(extensions, 'subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost')
    openssl('req', '-subj', `/CN=${commonName}`, ...key(`${path}.key`), '-out', `${path}.csr`)
    const authority = ['-CA', this.path, '-CAkey', this.path.replace(/crt$/, 'key'), '-CAcreateserial']
    openssl('x509', '-req', '-in', `${path}.csr`, ...authority, '-extfile', extensions, '-out', `${path}.crt`)
    return { cert: readFileSync(`${path}.crt`, 'utf8'), key: readFileSync(`${path}.key`, 'utf8') }
  }
}

function key(path: string): string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', path]
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' })
}
