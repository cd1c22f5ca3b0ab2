// SPDX-License-Identifier: Apache-2.0
// Which npm packages are in the bundle, by esbuild's metafile.

interface Metafile {
  readonly outputs: Readonly<
    Record<string, { readonly inputs: Readonly<Record<string, { readonly bytesInOutput: number }>> }>
  >
}

// The last node_modules/ in the path: a package may carry its own copy of another.
const packageFolder = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/

/** @returns sorted folders of packages, as package-lock.json names them */
export function bundledPackages(metafile: string): string[] {
  const { outputs } = JSON.parse(metafile) as Metafile
  const inputs = Object.values(outputs).flatMap((output) => Object.keys(output.inputs))
  return [...new Set(inputs.flatMap((input) => packageFolder.exec(input)?.[0] ?? []))].sort()
}
