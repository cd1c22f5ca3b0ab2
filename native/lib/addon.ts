// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { toNativeError } from './error.ts'

type NativeFunction = (...args: unknown[]) => unknown

/** Beside the running module when bundled; else the build folder of the source tree. */
function addonPath(): string {
  const candidates = ['./sluice.node', '../../build/sluice.node'].map((relative) =>
    fileURLToPath(new URL(relative, import.meta.url))
  )
  const found = candidates.find((path) => existsSync(path))
  if (found === undefined) {
    throw new Error(
      `the native addon is not built: none of ${candidates.join(', ')} exists (run: make build/sluice.node)`
    )
  }
  return found
}

function guarded(call: NativeFunction): NativeFunction {
  return (...args) => {
    try {
      return call(...args)
    } catch (thrown) {
      throw toNativeError(thrown)
    }
  }
}

let functions: Record<string, NativeFunction> | undefined

function load(): Record<string, NativeFunction> {
  if (functions === undefined) {
    const exports = createRequire(import.meta.url)(addonPath()) as Record<string, NativeFunction>
    functions = Object.fromEntries(Object.entries(exports).map(([name, call]) => [name, guarded(call)]))
  }
  return functions
}

/**
 * The addon's functions as the caller declares them; failures arrive as NativeError. Importing loads nothing:
 * the binary is opened at the first call.
 */
export function bindings<T extends object>(): T {
  return new Proxy({} as T, {
    get: (target, name) => {
      const call = load()[String(name)]
      if (call === undefined) throw new Error(`the native addon has no function ${String(name)}: rebuild it`)
      Reflect.set(target, name, call)
      return call
    }
  })
}
