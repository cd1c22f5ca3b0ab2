// SPDX-License-Identifier: Apache-2.0

/** Names come from manifests, and from inside pods: no control characters reach the terminal. */
export function printable(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ')
}
