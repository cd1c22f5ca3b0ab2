// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest'
import { podOf, podSchema } from '../../sources/schema.ts'

function portsOf(spec: object): readonly number[] | undefined {
  const object = { apiVersion: 'v1', metadata: { name: 'cart', uid: 'u' }, spec }
  return podOf(podSchema.parse(object), 'test')?.probePorts
}

const container = (change: object) => ({ containers: [{ name: 'app', image: 'app', ...change }] })

describe('ports that the kubelet dials', () => {
  it.each<[string, object, number[]]>([
    ['none', container({}), []],
    ['httpGet', container({ livenessProbe: { httpGet: { port: 8080, path: '/' } } }), [8080]],
    ['tcpSocket', container({ readinessProbe: { tcpSocket: { port: 5432 } } }), [5432]],
    ['grpc', container({ startupProbe: { grpc: { port: 9000 } } }), [9000]],
    ['exec', container({ livenessProbe: { exec: { command: ['true'] } } }), []],
    [
      'by name',
      container({ ports: [{ name: 'web', containerPort: 80 }], livenessProbe: { httpGet: { port: 'web' } } }),
      [80]
    ],
    ['by a number in a text', container({ livenessProbe: { httpGet: { port: '8080' } } }), [8080]],
    ['by a name that no port has', container({ livenessProbe: { httpGet: { port: 'web' } } }), []],
    ['at another host', container({ livenessProbe: { httpGet: { port: 80, host: '192.0.2.1' } } }), []],
    ['of lifecycle hooks', container({ lifecycle: { preStop: { httpGet: { port: 81 } } } }), [81]],
    [
      'of sidecars, each once and in order',
      {
        initContainers: [{ restartPolicy: 'Always', startupProbe: { tcpSocket: { port: 9 } } }],
        ...container({
          livenessProbe: { tcpSocket: { port: 7 } },
          readinessProbe: { tcpSocket: { port: 9 } }
        })
      },
      [7, 9]
    ],
    [
      'at most 32, of however many containers',
      {
        containers: Array.from({ length: 40 }, (_, index) => ({
          livenessProbe: { tcpSocket: { port: 100 - index } }
        }))
      },
      Array.from({ length: 32 }, (_, index) => 61 + index)
    ],
    ['of explicit nulls', { ...container({ livenessProbe: null, ports: null }), initContainers: null }, []]
  ])('%s', (_, spec, ports) => {
    expect(portsOf(spec)).toEqual(ports)
  })
})
