// SPDX-License-Identifier: Apache-2.0
// Text of one file to the objects in it. Pure; never throws.

import { type Document, LineCounter, parseAllDocuments } from 'yaml'
import { SluiceError } from '../../errors/error.ts'
import { type Namespace, type Pod, podRef } from '../../pods/pod.ts'
import {
  fieldProblems,
  isMapping,
  listSchema,
  namespaceOf,
  namespaceSchema,
  podOf,
  podSchema
} from '../schema.ts'

export type ManifestObject = { readonly origin: string } & (
  | { readonly kind: 'pod'; readonly pod: Pod }
  | { readonly kind: 'namespace'; readonly namespace: Namespace }
)

export interface Problem {
  /** The file, and the document in it where there are several: `pods/a.yaml: document 2`. */
  readonly origin: string
  readonly error: SluiceError
}

export interface Parsed {
  /** In the order of the text. */
  readonly objects: readonly ManifestObject[]
  readonly problems: readonly Problem[]
  /** False: not YAML, so there may be less here than the author meant; `objects` is empty. */
  readonly readable: boolean
}

/** @param path how messages and `Pod.origin` name the file */
export function parseManifest(path: string, text: string): Parsed {
  const lineCounter = new LineCounter()
  const documents = parseAllDocuments(text, { lineCounter, prettyErrors: false, logLevel: 'error' })
  if (!Array.isArray(documents)) return { objects: [], problems: [], readable: true }
  for (const { errors } of documents) {
    const [error] = errors
    if (error !== undefined) return unreadable(path, lineCounter.linePos(error.pos[0]), error.message)
  }
  const results = documents.map((document, index) => {
    const origin = documents.length > 1 ? `${path}: document ${index + 1}` : path
    return parseDocument(document, { path, origin, kind: undefined }, lineCounter)
  })
  return results.find(({ readable }) => !readable) ?? merged(results)
}

interface Place {
  readonly path: string
  readonly origin: string
  /** What a typed list says of its items. */
  readonly kind: 'Pod' | 'Namespace' | undefined
}

function parseDocument(document: Document, place: Place, lineCounter: LineCounter): Parsed {
  try {
    return parseObject(document.toJS(), place)
  } catch (cause) {
    // An alias without an anchor, or a bomb of them.
    return unreadable(place.path, lineCounter.linePos(document.range?.[0] ?? 0), cause)
  }
}

function unreadable(origin: string, at: { line: number; col: number }, cause: unknown): Parsed {
  const error = new SluiceError(
    'SLUICE_ERR_MANIFEST_SYNTAX',
    { origin, line: at.line, column: at.col },
    cause
  )
  return { objects: [], problems: [{ origin, error }], readable: false }
}

function parseObject(value: unknown, place: Place): Parsed {
  if (value === null || value === undefined) return merged([])
  if (!isMapping(value) || Array.isArray(value)) return misnamed(place, 'not a Kubernetes object')
  const kind = value.kind ?? place.kind
  if (typeof kind !== 'string' || kind === '') return misnamed(place, 'kind is missing')
  if (kind === 'List' || kind === 'PodList' || kind === 'NamespaceList') return parseList(kind, value, place)
  if (kind === 'Pod') return parsePod({ ...apiVersionOf(value, place), ...value }, place)
  if (kind === 'Namespace') return parseNamespace({ ...apiVersionOf(value, place), ...value }, place)
  return /^(pod|namespace)s?$/i.test(kind) ? misnamed(place, `kind: ${kind} is not written so`) : merged([])
}

function parseList(kind: string, value: unknown, place: Place): Parsed {
  const list = listSchema.safeParse(value)
  if (!list.success) return invalid(place, fieldProblems(list.error, value))
  const of = kind === 'PodList' ? 'Pod' : kind === 'NamespaceList' ? 'Namespace' : undefined
  return merged(
    list.data.items.map((item, index) =>
      parseObject(item, { path: place.path, origin: `${place.origin}: items[${index}]`, kind: of })
    )
  )
}

function parsePod(value: unknown, place: Place): Parsed {
  const { success, data, error } = podSchema.safeParse(value)
  if (!success) return invalid(place, fieldProblems(error, value))
  const pod = podOf(data, place.path)
  if (pod !== undefined)
    return { objects: [{ kind: 'pod', origin: place.origin, pod }], problems: [], readable: true }
  const ref = podRef({ namespace: data.metadata.namespace ?? 'default', name: data.metadata.name })
  return problem(place, new SluiceError('SLUICE_ERR_MANIFEST_UID', { origin: place.origin, pod: ref }))
}

function parseNamespace(value: unknown, place: Place): Parsed {
  const { success, data, error } = namespaceSchema.safeParse(value)
  if (!success) return invalid(place, fieldProblems(error, value))
  const namespace = namespaceOf(data)
  return { objects: [{ kind: 'namespace', origin: place.origin, namespace }], problems: [], readable: true }
}

// The items of a typed list carry neither kind nor apiVersion.
function apiVersionOf(value: Record<string, unknown>, place: Place): { apiVersion?: string } {
  return value.kind === undefined && place.kind !== undefined ? { apiVersion: 'v1' } : {}
}

function misnamed(place: Place, text: string): Parsed {
  return problem(place, new SluiceError('SLUICE_ERR_MANIFEST_KIND', { origin: place.origin, problem: text }))
}

function invalid(place: Place, problems: string): Parsed {
  return problem(place, new SluiceError('SLUICE_ERR_MANIFEST_FIELD', { origin: place.origin, problems }))
}

function problem({ origin }: Place, error: SluiceError): Parsed {
  return { objects: [], problems: [{ origin, error }], readable: true }
}

function merged(parts: readonly Parsed[]): Parsed {
  return {
    objects: parts.flatMap(({ objects }) => objects),
    problems: parts.flatMap(({ problems }) => problems),
    readable: true
  }
}
