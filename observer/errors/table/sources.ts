// SPDX-License-Identifier: Apache-2.0
// Where pods and namespaces are told.

import type { ErrorEntry } from './entry.ts'

export const SOURCE_ERRORS = {
  SLUICE_ERR_KUBERNETES_ANSWER: {
    message: '{resource} cannot be followed at {server}',
    remedy: 'see whether the API server can be reached from here; until then what it said last stays in force'
  },
  SLUICE_ERR_KUBERNETES_CONFIG: {
    message: 'configuration of the API server ({path}) cannot be used',
    remedy: 'run the agent in a pod, or name a kubeconfig file with kubernetes.kubeconfig'
  },
  SLUICE_ERR_KUBERNETES_DENIED: {
    message: 'API server {server} denies access to {resource}',
    remedy: 'let the service account of the agent get, list and watch pods and namespaces, as its chart does'
  },
  SLUICE_ERR_KUBERNETES_DUPLICATE: {
    message: '{origin}: uid {uid} is that of {other} already',
    remedy:
      'delete the one that is no mirror of a static pod; until then the other counts, and for an agent that starts the older'
  },
  SLUICE_ERR_KUBERNETES_OBJECT: {
    message: '{origin}: {problems}',
    remedy: 'none is known: report it with the object; until then what was known of it stays in force'
  },
  SLUICE_ERR_MANIFEST_DIRECTORY: {
    message: 'manifest directory {path} cannot be read',
    remedy: 'create it, or name another with manifest.directory'
  },
  SLUICE_ERR_MANIFEST_DUPLICATE: {
    message: '{origin}: {object} is defined in {other} already',
    remedy: 'remove one of the two; until then the first counts, by file name and then by document'
  },
  SLUICE_ERR_MANIFEST_FIELD: {
    message: '{origin}: {problems}',
    remedy: 'correct the field; until then what this file said before stays in force'
  },
  SLUICE_ERR_MANIFEST_FILE: {
    message: '{origin}: file cannot be read',
    remedy: 'correct its permissions; until then what this file said before stays in force'
  },
  SLUICE_ERR_MANIFEST_KIND: {
    message: '{origin}: {problem}',
    remedy: 'give apiVersion: v1 and kind: Pod or Namespace; other kinds are allowed and ignored'
  },
  SLUICE_ERR_MANIFEST_SYNTAX: {
    message: '{origin}: line {line}, column {column} is not YAML',
    remedy: 'correct it; until then what this file said before stays in force'
  },
  SLUICE_ERR_MANIFEST_UID: {
    message: '{origin}: pod {pod} has no metadata.uid',
    remedy: 'add metadata.uid, or the annotation kubernetes.io/config.hash if it is a static pod'
  }
} as const satisfies Record<string, ErrorEntry>
