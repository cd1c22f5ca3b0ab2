// SPDX-License-Identifier: Apache-2.0
// log.format "text". Thirty lines instead of pino-pretty, which brings thirteen packages into the image.

interface LogLine {
  readonly level: string
  readonly time: string
  readonly msg?: string
  readonly [field: string]: unknown
}

/** `04:24:36.237 INFO  pod is enrolled  pod=shop/cart netns=4026532` out of pino's JSON, with its newline. */
export function textLine(json: string): string {
  const { level, time, msg, ...fields } = JSON.parse(json) as LogLine
  const head = [time.slice(11, 23), level.toUpperCase().padEnd(5), msg ?? ''].join(' ').trimEnd()
  const rest = Object.entries(fields).flatMap(([name, value]) => fieldText(name, value))
  return `${[head, rest.join(' ')].filter((part) => part !== '').join('  ')}\n`
}

/** Objects are spread one level: err.code=... err.message="..." */
function fieldText(name: string, value: unknown): string[] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !name.includes('.')) {
    return Object.entries(value).flatMap(([inner, item]) => fieldText(`${name}.${inner}`, item))
  }
  return [`${name}=${valueText(value)}`]
}

function valueText(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value)
  return /^[\w./:@+-]+$/.test(value) ? value : JSON.stringify(value)
}
