// SPDX-License-Identifier: Apache-2.0

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../../config/schema.ts'
import { isAgentRunning } from '../../control/client.ts'
import type { ExitCode } from '../exit.ts'
import { bpffsProbe } from './bpffs.ts'
import { capabilityProbe } from './capabilities.ts'
import { captureProbe } from './capture.ts'
import { type CgroupView, cgroupProbe, cgroupView } from './cgroups.ts'
import { kernelProbe } from './kernel.ts'
import { nodeProbe } from './node.ts'
import { agentProbe } from './peer.ts'
import { pinsProbe } from './pins.ts'
import { captureView } from './places.ts'
import { EXIT_CODES, type Probe, runProbes } from './result.ts'
import { checkText } from './text.ts'
import { nodeView } from './view.ts'

export async function checkCommand(config: Config, { json }: { readonly json: boolean }): Promise<ExitCode> {
  const report = await runProbes(probes(config))
  const colours = process.stdout.isTTY && !process.env.NO_COLOR
  process.stdout.write(json ? `${JSON.stringify(report, null, 2)}\n` : checkText(report, colours))
  return EXIT_CODES[report.verdict]
}

function probes(config: Config): Probe[] {
  const { bpffs, cgroupRoots, controlSocket } = config
  const running = () => isAgentRunning(controlSocket)
  const cgroups = cgroupView(cgroupRoots)
  return [
    capabilityProbe(),
    cgroupProbe(cgroups),
    bpffsProbe(bpffs),
    pinsProbe(config),
    kernelProbe(async () => {
      const { kernelTrial } = await import('./trial.ts')
      return kernelTrial(await trialParent(cgroups, running))
    }),
    nodeProbe(nodeView(async () => (await rootsOf(cgroups)).flatMap(below))),
    captureProbe(captureView),
    agentProbe(running, controlSocket)
  ]
}

/**
 * Below the pods' own root, where a program attached without BPF_F_ALLOW_MULTI shows. A running agent would
 * take a cgroup there for a pod: then below the mount.
 */
async function trialParent(
  cgroups: CgroupView,
  running: () => Promise<boolean>
): Promise<string | undefined> {
  const [root] = await rootsOf(cgroups)
  if (root !== undefined && !(await running())) return root
  return cgroups.mounted().then(
    ({ path }) => path,
    () => undefined
  )
}

/** None where they cannot be found: the probe of cgroups says why. */
function rootsOf(cgroups: CgroupView): Promise<string[]> {
  return cgroups.roots().then(
    (roots) => roots.map(({ path }) => path),
    () => []
  )
}

function below(directory: string): string[] {
  try {
    const children = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    return [directory, ...children.flatMap(({ name }) => below(join(directory, name)))]
  } catch {
    // A cgroup that went away while it was listed has no pods to look into.
    return []
  }
}
