// SPDX-License-Identifier: Apache-2.0
// What is listed and watched, and how its JSON becomes what the observer knows.

import type { SluiceError } from '../../errors/error.ts'

/** An object as the API server has it. */
export interface Versioned<T> {
  /** Its address, which another object may have later. */
  readonly origin: string
  /** For life. */
  readonly uid: string
  /** Changes with each write. */
  readonly version: string
  /** RFC 3339; the API server alone writes it. */
  readonly created: string
  readonly value: T
}

export type Decoded<T> =
  | { readonly kind: 'object'; readonly object: Versioned<T> }
  /** It is there and cannot be read. */
  | { readonly kind: 'problem'; readonly origin: string; readonly error: SluiceError }

export interface Resource<T> {
  /** As messages name it: `pods`. */
  readonly name: string
  /** `/api/v1/pods` */
  readonly path: string
  readonly fieldSelector?: string
  /** What to ask for of each object, where not everything is needed. */
  readonly accept?: { readonly list: string; readonly watch: string }
  readonly decode: (json: unknown) => Decoded<T>
}

/** Only names, labels, annotations: a tenth of the whole. */
export const METADATA_ONLY = {
  list: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
  watch: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'
} as const
