// SPDX-License-Identifier: Apache-2.0
// `make cluster-up`

import { up } from './standing.ts'
import { TOOLS } from './tools/tools.ts'

const { kubeconfig, state } = await up()
process.stdout.write(`node ${state.node}, logs in ${state.directory}/logs\n`)
process.stdout.write(`export KUBECONFIG=${kubeconfig}\nexport PATH=${TOOLS}:$PATH\n`)
