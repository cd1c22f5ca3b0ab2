// SPDX-License-Identifier: Apache-2.0
// What can be said of the chart without Helm; e2e/cluster/install renders it.

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parser } from '@prometheus-io/lezer-promql'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { capabilityResults } from '../../observer/cli/check/capabilities.ts'

const PROJECT = join(import.meta.dirname, '../..')
const CHART = join(PROJECT, 'deploy/helm/sluice')

const read = (path: string) => readFileSync(join(PROJECT, path), 'utf8')

/** `up` is what Prometheus itself says of whatever it scrapes. */
const metricNames = [
  'up',
  ...[...read('docs/metrics.md').matchAll(/^### (\S+)$/gm)].map(([, name = '']) => name)
]

interface Alert {
  readonly alert: string
  readonly expr: string
}

interface Panel {
  readonly title: string
  readonly targets: readonly { readonly expr: string }[]
}

const { alerts } = parse(read('deploy/helm/sluice/files/alerts.yaml')) as { alerts: readonly Alert[] }
const { panels } = JSON.parse(read('deploy/helm/sluice/files/dashboard.json')) as { panels: readonly Panel[] }

const expressions = [
  ...alerts.map(({ alert, expr }) => [alert, expr] as const),
  ...panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const))
]

function metricsIn(expression: string): string[] {
  const names = [...expression.matchAll(/\b(?:(?:sluice|process)_\w+|up\b)/g)].map(([name]) => name)
  return names.map((name) => name.replace(/_bucket$/, ''))
}

describe('the chart', () => {
  it('has the version of the project', () => {
    const chart = parse(readFileSync(join(CHART, 'Chart.yaml'), 'utf8')) as Record<string, string>
    const { version } = JSON.parse(read('package.json')) as { version: string }
    expect(chart).toMatchObject({ version, appVersion: version })
  })

  it('has the schema of its values and of the agent’s settings', () => {
    const printed = execFileSync(process.execPath, [join(PROJECT, 'deploy/helm/values-schema.ts')], {
      encoding: 'utf8'
    })
    expect(readFileSync(join(CHART, 'values.schema.json'), 'utf8')).toBe(printed)
  })

  it('adds the capabilities that the agent needs, and the unit bounds it to the same', () => {
    const needed = capabilityResults('CapEff:\t0\n').map(({ feature }) => feature)
    const template = readFileSync(join(CHART, 'templates/daemonset.yaml'), 'utf8')
    const [, added = ''] = /^ +add:\n((?: +(?:#|-) .*\n)+)/m.exec(template) ?? []
    expect([...added.matchAll(/- (\w+)/g)].map(([, name]) => `CAP_${name}`).sort()).toEqual(needed.sort())
    const [, bound = ''] = /^CapabilityBoundingSet=(.*)$/m.exec(read('deploy/systemd/sluice.service')) ?? []
    expect(bound.split(' ').sort()).toEqual(needed.sort())
  })
})

describe('the unit', () => {
  it('is started again however often and soon it has ended', () => {
    const [, unit = '', service = ''] = read('deploy/systemd/sluice.service').split(/^\[(?:Unit|Service)\]$/m)
    expect(unit).toMatch(/^StartLimitIntervalSec=0$/m)
    expect(service).toMatch(/^Restart=always$/m)
  })
})

describe('the Job that an uninstall begins with', () => {
  const [, job = ''] = read('deploy/helm/sluice/templates/uninstall.yaml').split(/^kind: Job$/m)
  const values = parse(readFileSync(join(CHART, 'values.yaml'), 'utf8')) as {
    readonly priorityClassName: string
    readonly uninstall: object
  }

  it('runs on a node that is drained or tainted, too', () => {
    expect(job).toMatch(
      /^ {6}\{\{- with \.Values\.uninstall\.tolerations \}\}\n {6}tolerations:\n {8}\{\{- toYaml \. /m
    )
    expect(values.uninstall).toMatchObject({ tolerations: [{ operator: 'Exists' }] })
  })

  it('runs on a node that is full, as the agent does', () => {
    for (const text of [job, read('deploy/helm/sluice/templates/daemonset.yaml')])
      expect(text).toMatch(/^ {6}priorityClassName: \{\{ \.Values\.priorityClassName \}\}$/m)
    expect(values.priorityClassName).toBe('system-node-critical')
  })

  it('needs no node that nodeSelector names', () => {
    expect(job).toContain('preferredDuringSchedulingIgnoredDuringExecution')
    expect(job).not.toMatch(/^ +(nodeSelector|requiredDuring\w+):/m)
  })
})

/** Where an expression is no PromQL. Grafana's interval stands for a duration. */
function faultsOf(expression: string): string[] {
  const text = expression.replaceAll('$__rate_interval', '5m')
  const faults: string[] = []
  parser.parse(text).iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) faults.push(`at ${from}: ${text.slice(from, to + 10)}`)
    }
  })
  return faults
}

describe('what is watched', () => {
  it.each(expressions)('%s is asked in PromQL', (_, expression) => {
    expect(faultsOf(expression)).toEqual([])
  })

  it.each(['sum by (node (sluice_pods)', 'rate(sluice_pods[])', 'sluice_pods{state=held}', 'up = 0'])(
    'would not be by %s',
    (expression) => {
      expect(faultsOf(expression)).not.toEqual([])
    }
  )

  it.each(expressions)('%s asks for metrics that there are', (_, expression) => {
    expect(metricsIn(expression).length).toBeGreaterThan(0)
    for (const name of metricsIn(expression)) expect(metricNames).toContain(name)
  })

  it('has a section in the runbook for each alert, and no other', () => {
    const sections = [...read('docs/runbook.md').matchAll(/^## (\S+)$/gm)].map(([, name]) => name)
    expect(sections).toEqual(alerts.map(({ alert }) => alert))
  })

  it('is every metric that says something is wrong', () => {
    const watched = new Set(alerts.flatMap(({ expr }) => metricsIn(expr)))
    const faults = metricNames.filter((name) => /failures|refusals|dropped|problems|drift|paused/.test(name))
    expect(faults.filter((name) => !watched.has(name))).toEqual([])
  })
})

describe('the documents', () => {
  it('name every value of the chart', () => {
    const values = Object.keys(parse(readFileSync(join(CHART, 'values.yaml'), 'utf8')) as object)
    const reference = read('docs/install.md')
    expect(values.filter((name) => !reference.includes(`\`${name}`))).toEqual([])
  })

  it('link to files and sections that there are', () => {
    const documents = readdirSync(join(PROJECT, 'docs')).filter((name) => name.endsWith('.md'))
    const anchors = new Map(
      documents.map((name) => [
        name,
        [...read(`docs/${name}`).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
          title
            .toLowerCase()
            .replaceAll(/[^\w\- ]/g, '')
            .replaceAll(' ', '-')
        )
      ])
    )
    for (const name of documents) {
      for (const [, file = '', anchor] of read(`docs/${name}`).matchAll(
        /\]\((\w[\w-]*\.md)?(?:#([\w-]+))?\)/g
      )) {
        const target = file === '' ? name : file
        expect(documents, `${name} links to ${target}`).toContain(target)
        if (anchor !== undefined) expect(anchors.get(target), `${name} links to ${target}`).toContain(anchor)
      }
    }
  })
})
