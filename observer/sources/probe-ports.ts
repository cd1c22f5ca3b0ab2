// SPDX-License-Identifier: Apache-2.0
// Which ports of a pod the kubelet dials, by its specification: probes, and lifecycle hooks, which it sends too.

import { z } from 'zod'
import { PROBE_PORTS } from '../pods/pod.ts'

const optional = <T extends z.ZodType>(type: T) => type.nullish().transform((value) => value ?? undefined)
const port = optional(z.union([z.int(), z.string()]))
/** What has a host of its own is not dialled at the pod. */
const target = optional(z.object({ port, host: optional(z.string()) }))
const handler = optional(z.object({ httpGet: target, tcpSocket: target, grpc: target }))

const container = z.object({
  ports: optional(z.array(z.object({ name: optional(z.string()), containerPort: optional(z.int()) }))),
  livenessProbe: handler,
  readinessProbe: handler,
  startupProbe: handler,
  lifecycle: optional(z.object({ postStart: handler, preStop: handler }))
})

/** For a pod's `containers` and `initContainers`: of those, sidecars have probes. */
export const containersSchema = optional(z.array(container))

type Container = z.output<typeof container>

/** Ascending, each once, the lowest if they are too many; a name that no port has is left out. */
export function probePorts(containers: readonly Container[]): readonly number[] {
  const all = containers.flatMap((each) => dialled(each).map((asked) => portOf(asked, each)))
  const known = all.filter((each) => each !== undefined && each > 0 && each <= 65_535)
  return [...new Set(known as number[])].toSorted((a, b) => a - b).slice(0, PROBE_PORTS)
}

function dialled({ livenessProbe, readinessProbe, startupProbe, lifecycle }: Container): (number | string)[] {
  const handlers = [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop]
  return handlers.flatMap((each) =>
    [each?.httpGet, each?.tcpSocket, each?.grpc].flatMap((aim) =>
      aim?.port === undefined || (aim.host ?? '') !== '' ? [] : [aim.port]
    )
  )
}

/** A number in a text is a number, as Kubernetes reads IntOrString. */
function portOf(asked: number | string, { ports }: Container): number | undefined {
  if (typeof asked === 'number') return asked
  if (/^\d+$/.test(asked)) return Number(asked)
  return ports?.find(({ name }) => name === asked)?.containerPort
}
