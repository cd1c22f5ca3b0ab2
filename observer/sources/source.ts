// SPDX-License-Identifier: Apache-2.0
// Where pods and namespaces come from. One interface, two implementations: a directory of manifests,
// and the API server.

import type { Observable } from 'rxjs'
import type { SluiceError } from '../errors/error.ts'
import type { Namespace, Pod, PodUid } from '../pods/pod.ts'

export type SourceEvent =
  | { readonly kind: 'pod'; readonly pod: Pod }
  | { readonly kind: 'pod-gone'; readonly uid: PodUid }
  | { readonly kind: 'namespace'; readonly namespace: Namespace }
  | { readonly kind: 'namespace-gone'; readonly name: string }
  /** Everything that existed when the source was subscribed to has been told. Once per subscription. */
  | { readonly kind: 'synced' }
  /** Something the operator must mend (a malformed manifest, say); other pods are not touched. */
  | { readonly kind: 'problem'; readonly origin: string; readonly error: SluiceError }
  /** What `problem` named at that origin is mended. */
  | { readonly kind: 'mended'; readonly origin: string }
  /** Sluice is uninstalled: from now on no pod is in the mesh. */
  | { readonly kind: 'retired' }

export interface PodSource {
  readonly name: 'manifest' | 'kubernetes'
  /**
   * Cold: each subscription reads everything, says `synced`, then follows changes until unsubscribed.
   * Does not complete; errors only when it can never work (no such directory, no credentials).
   */
  readonly events$: Observable<SourceEvent>
}
