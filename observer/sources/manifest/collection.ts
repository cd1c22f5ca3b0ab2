// SPDX-License-Identifier: Apache-2.0
// All files together: what each says, what it said before it broke, and who is first where two say the same.

import { SluiceError } from '../../errors/error.ts'
import { type Namespace, type Pod, type PodUid, podRef } from '../../pods/pod.ts'
import type { ManifestObject, Parsed, Problem } from './parse.ts'

/** What a directory of manifests says now. */
export interface Collection {
  readonly pods: ReadonlyMap<PodUid, Pod>
  readonly namespaces: ReadonlyMap<string, Namespace>
  /** By origin. */
  readonly problems: ReadonlyMap<string, SluiceError>
}

export const EMPTY: Collection = { pods: new Map(), namespaces: new Map(), problems: new Map() }

/** By file name. */
export type Files = ReadonlyMap<string, Parsed>

/**
 * A file's new content over its former one. Of a file with problems nothing is dropped: an object of the former
 * content that the new one does not have may be the one that cannot be read.
 */
export function succeeded(former: Parsed | undefined, next: Parsed): Parsed {
  if (former === undefined || next.problems.length === 0) return next
  const known = new Set(next.objects.flatMap(identities))
  const kept = former.objects.filter((object) => !identities(object).some((identity) => known.has(identity)))
  return { ...next, objects: [...next.objects, ...kept] }
}

/** Of objects with the same identity the first counts, by file name and then by place in the file. */
export function collect(files: Files): Collection {
  const pods = new Map<PodUid, Pod>()
  const namespaces = new Map<string, Namespace>()
  const problems = new Map<string, SluiceError>()
  const owners = new Map<string, string>()
  const names = [...files.keys()].sort()
  for (const { objects, problems: own } of names.map((name) => files.get(name) as Parsed)) {
    for (const object of objects) {
      const duplicate = duplicateOf(object, owners)
      if (duplicate !== undefined) {
        problems.set(duplicate.origin, duplicate.error)
        continue
      }
      for (const identity of identities(object)) owners.set(identity, object.origin)
      if (object.kind === 'pod') pods.set(object.pod.uid, object.pod)
      else namespaces.set(object.namespace.name, object.namespace)
    }
    for (const { origin, error } of own) problems.set(origin, error)
  }
  return { pods, namespaces, problems }
}

function duplicateOf(object: ManifestObject, owners: ReadonlyMap<string, string>): Problem | undefined {
  const { origin } = object
  const taken = identities(object).find((identity) => owners.has(identity))
  if (taken === undefined) return undefined
  const values = { origin, object: taken, other: owners.get(taken) ?? '' }
  return { origin, error: new SluiceError('SLUICE_ERR_MANIFEST_DUPLICATE', values) }
}

/** What must be unique, as messages name it. */
function identities(object: ManifestObject): string[] {
  if (object.kind === 'namespace') return [`namespace ${object.namespace.name}`]
  return [`pod ${podRef(object.pod)}`, `pod uid ${object.pod.uid}`]
}
