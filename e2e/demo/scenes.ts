// SPDX-License-Identifier: Apache-2.0
import { callBoth } from './call.ts'
import { change, noneLost, showChange } from './change.ts'
import { plain, refused, showCalls, steered } from './claims.ts'
import { within } from './patience.ts'
import { type Scene, scene } from './scene.ts'
import { PORT, routingOf } from './stage.ts'
import { listensIn, runStatus } from './witness.ts'

const ZTUNNEL_PORT = 15001

export const SCENES: readonly Scene[] = [
  scene({
    title: 'A plain connection',
    words:
      'The pod web is not in the mesh. It dials the pod store. The server sees the application’s own socket, ' +
      'address and port, and ztunnel sees nothing.',
    act: (stage) => callBoth(stage, { from: stage.web, to: stage.store, port: PORT }),
    show: showCalls,
    check: plain
  }),
  scene({
    title: 'web joins the mesh',
    words:
      'While web goes on connecting, its manifest is annotated. From then on every connection goes through ' +
      'ztunnel. The application notices nothing: getpeername() is what it dialled. ztunnel sees who dialled and ' +
      'where to; the server sees web’s address, on a socket that is ztunnel’s.',
    act: async (stage, screen) => {
      const joined = await change(stage, 'true', screen)
      return { joined, calls: await callBoth(stage, { from: stage.web, to: stage.store, port: PORT }) }
    },
    show: ({ joined, calls }, screen) => {
      showChange(joined, screen)
      showCalls(calls, screen)
    },
    check: ({ joined, calls }) => [noneLost(joined, 'plain, then ztunnel'), ...steered(calls)]
  }),
  scene({
    title: 'A process that starts later',
    words:
      'A new container is started in web, in a cgroup that did not exist when web joined: what kubectl exec and ' +
      'debug do. Nothing has to be told about it; its first connection is steered.',
    act: async (stage) => {
      const inside = await stage.web.container()
      return callBoth(stage, { from: stage.web, inside, to: stage.store, port: PORT })
    },
    show: showCalls,
    check: steered
  }),
  scene({
    title: `A neighbour dials web:${ZTUNNEL_PORT}`,
    words:
      `ztunnel listens on port ${ZTUNNEL_PORT} in web’s network namespace. Who reached it would speak with web’s ` +
      'identity. store tries, and is refused in the kernel: ztunnel never hears of it.',
    act: async (stage) => {
      const dropped = async () => (await stage.agent.report())?.counters.dropped_guard ?? 0
      const before = await dropped()
      const calls = await callBoth(stage, { from: stage.store, to: stage.web, port: ZTUNNEL_PORT })
      return { calls, counted: (await dropped()) - before, listens: await listensIn(stage.web, ZTUNNEL_PORT) }
    },
    show: ({ calls }, screen) => showCalls(calls, screen),
    check: ({ calls, counted, listens }) => [
      { observer: '/proc/net', expected: 'there is a listener', seen: listens },
      ...refused(calls),
      { observer: 'kernel counter', expected: `${calls.length} refused`, seen: `${counted} refused` }
    ]
  }),
  scene({
    title: 'What the operator sees',
    words: '`sluice status` tells which pods are in the mesh, and of the others why they are not.',
    act: async ({ agent, web, ztunnel }, screen) => {
      await within(async () => (await agent.report())?.pods.find(isPod(web))?.state === 'verified')
      screen.command('sluice status')
      const exit = await runStatus(agent)
      const { pods } = await agent.status()
      const carried = ztunnel.opened({ direction: 'outbound' }).length
      return { exit, pod: pods.find(isPod(web)), carried }
    },
    check: ({ exit, pod, carried }, { web }) => [
      { observer: 'exit code', expected: '0: all is well', seen: exit === 0 ? '0: all is well' : `${exit}` },
      { observer: 'status', expected: 'verified', seen: pod?.state ?? 'no such pod' },
      {
        observer: 'status',
        expected: `${web.ipv4} ${web.ipv6}`,
        seen: pod?.ips.join(' ') ?? 'no addresses'
      },
      {
        observer: 'status',
        expected: `${carried} steered, as in ztunnel’s log`,
        seen: `${pod?.steered ?? 'none'} steered, as in ztunnel’s log`
      }
    ]
  }),
  scene({
    title: 'web leaves the mesh',
    words:
      'The annotation is taken away, traffic goes on. The next connection is plain again, and in web’s network ' +
      'namespace no rule and no route is left.',
    act: async (stage, screen) => {
      const left = await change(stage, null, screen)
      const calls = await callBoth(stage, { from: stage.web, to: stage.store, port: PORT })
      const restored = await within(async () => (await routingOf(stage.web)) === stage.routing)
      return { left, calls, restored }
    },
    show: ({ left, calls }, screen) => {
      showChange(left, screen)
      showCalls(calls, screen)
    },
    check: ({ left, calls, restored }) => [
      noneLost(left, 'ztunnel, then plain'),
      ...plain(calls),
      {
        observer: 'ip rule, ip route',
        expected: 'as before it joined',
        seen: restored ? 'as before it joined' : 'changed'
      }
    ]
  }),
  scene({
    title: 'The books',
    words:
      'ztunnel’s log and the server’s are compared over the whole demo: each connection is in the server’s once; ' +
      'those that did not come from an application’s own socket are in ztunnel’s, and no others.',
    act: async ({ server, ztunnel, sockets }) => ({
      arrived: server.seen.length,
      foreign: server.seen.filter(({ peer }) => !sockets.has(peer)).length,
      carried: ztunnel.opened().length,
      made: sockets.size
    }),
    check: ({ arrived, foreign, carried, made }) => [
      { observer: 'server', expected: `${made} connections`, seen: `${arrived} connections` },
      { observer: 'ztunnel', expected: `${foreign} of them`, seen: `${carried} of them` }
    ]
  })
]

function isPod({ uid }: { readonly uid: string }): (pod: { readonly uid: string }) => boolean {
  return (pod) => pod.uid === uid
}
