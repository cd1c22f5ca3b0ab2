// SPDX-License-Identifier: Apache-2.0
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const COMMAND = new URL('../../build/sluice.mjs', import.meta.url).href

/** Whether a process that imports this has undici in memory. */
function loadsUndici(module: string): boolean {
  const program = `
    process.argv = [process.execPath, 'sluice', '--version']
    await import('${module}')
    console.log('\\n' + process.moduleLoadList.some((name) => name.includes('undici/undici')))`
  const printed = execFileSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8'
  })
  return printed.trimEnd().endsWith('true')
}

describe('the bundled command', () => {
  it('does without undici', () => {
    expect(loadsUndici(COMMAND)).toBe(false)
  })

  it('the control: an import of node:http loads it', () => {
    expect(loadsUndici('node:http')).toBe(true)
  })
})

describe('the Kubernetes client', () => {
  const { outputs } = JSON.parse(
    readFileSync(new URL('../../build/bundle.json', import.meta.url), 'utf8')
  ) as Metafile
  const inputsOf = (file: string) => Object.keys(outputs[`build/${file}`]?.inputs ?? {})
  const isClient = (input: string) => input.startsWith('node_modules/@kubernetes/client-node/')

  it('is in a file of its own', () => {
    expect(inputsOf('client-node.mjs').filter(isClient).length).toBeGreaterThan(0)
    expect(inputsOf('sluice.mjs').filter(isClient)).toEqual([])
  })

  it('is loaded by the command only when it asks for it', () => {
    const imports = outputs['build/sluice.mjs']?.imports.filter(({ path }) => path.includes('client-node'))
    expect(imports?.map(({ path, kind }) => [path, kind])).toEqual([['./client-node.mjs', 'dynamic-import']])
  })

  it('is asked for by the kubernetes source alone', () => {
    const asking = inputsOf('sluice.mjs').filter((input) =>
      /import\('@kubernetes\/client-node'\)/.test(read(input))
    )
    expect(asking).toEqual(['observer/kubernetes/credentials.ts'])
  })
})

interface Metafile {
  readonly outputs: Readonly<
    Record<
      string,
      {
        readonly inputs: Readonly<Record<string, unknown>>
        readonly imports: readonly { readonly path: string; readonly kind: string }[]
      }
    >
  >
}

function read(input: string): string {
  const file = new URL(`../../${input}`, import.meta.url)
  return input.startsWith('observer/') ? readFileSync(file, 'utf8') : ''
}
