// SPDX-License-Identifier: Apache-2.0
// generate.ts: prints what sluice.yaml beside it holds: the chart with its default values and a namespace for it,
// without the hooks that only Helm runs.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { tool } from '../../e2e/cluster/tools/tools.ts'

const CHART = join(import.meta.dirname, '../helm/sluice')

const NAMESPACE = `# SPDX-License-Identifier: Apache-2.0
# Generated from deploy/helm/sluice by \`make manifests\`: change it there.
# For Kubernetes 1.30 or later: docs/install.md says what to apply before.
apiVersion: v1
kind: Namespace
metadata:
  name: sluice-system
  labels:
    # The agent has host mounts, the host's process ids and three capabilities.
    pod-security.kubernetes.io/enforce: privileged
`

/** @throws when Helm has not been built */
export function plainManifests(): string {
  const args = ['template', 'sluice', CHART, '--namespace', 'sluice-system', '--kube-version', '1.33.0']
  const chart = execFileSync(tool('helm'), [...args, '--set', 'uninstall.hook=false'], { encoding: 'utf8' })
  return NAMESPACE + chart
}

if (import.meta.main) process.stdout.write(plainManifests())
