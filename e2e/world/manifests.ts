// SPDX-License-Identifier: Apache-2.0
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'

/** What can be written: a pod or a namespace. */
export interface Described {
  /** File name without its ending. */
  readonly file: string
  readonly annotations: Record<string, string>
  readonly labels: Record<string, string>
  manifest(): object
}

/** A directory of manifests. Every file appears whole: written beside the directory, then renamed into it. */
export class Manifests {
  readonly directory: string
  readonly #staging: string
  #count = 0

  constructor(runDirectory: string) {
    this.directory = join(runDirectory, 'manifests')
    this.#staging = join(runDirectory, 'staging')
  }

  async open(): Promise<void> {
    await mkdir(this.directory, { recursive: true })
    await mkdir(this.#staging, { recursive: true })
  }

  path(file: string): string {
    return join(this.directory, `${file}.yaml`)
  }

  /** Any text, for manifests that are wrong on purpose. */
  async writeText(file: string, text: string): Promise<void> {
    const staged = join(this.#staging, `${file}.${this.#count++}`)
    await writeFile(staged, text)
    await rename(staged, this.path(file))
  }

  /** The pod or namespace as it is now. */
  async write(object: Described): Promise<void> {
    await this.writeText(object.file, stringify(object.manifest()))
  }

  /** Sets (null: takes away) an annotation and writes the manifest. */
  async annotate(object: Described, key: string, value: string | null): Promise<void> {
    change(object.annotations, key, value)
    await this.write(object)
  }

  async label(object: Described, key: string, value: string | null): Promise<void> {
    change(object.labels, key, value)
    await this.write(object)
  }

  async remove(object: Pick<Described, 'file'>): Promise<void> {
    await rm(this.path(object.file), { force: true })
  }
}

function change(record: Record<string, string>, key: string, value: string | null): void {
  if (value === null) delete record[key]
  else record[key] = value
}

/** A namespace of the cluster that the manifests describe. */
export class Namespace implements Described {
  readonly name: string
  readonly labels: Record<string, string>
  readonly annotations: Record<string, string>

  constructor(name: string, labels: Record<string, string> = {}, annotations: Record<string, string> = {}) {
    this.name = name
    this.labels = { ...labels }
    this.annotations = { ...annotations }
  }

  get file(): string {
    return `namespace-${this.name}`
  }

  manifest(): object {
    const { name, labels, annotations } = this
    return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels, annotations } }
  }
}
