// SPDX-License-Identifier: Apache-2.0

import { describe, expect, it } from 'vitest'
import { SluiceError } from '../../errors/error.ts'
import { createLogger } from '../../log/logger.ts'
import { textLine } from '../../log/text.ts'

function logged(format: 'json' | 'text', level: 'info' | 'warn' = 'info') {
  const lines: string[] = []
  return { lines, logger: createLogger({ level, format }, { write: (line) => void lines.push(line) }) }
}

describe('a log line', () => {
  it('is one JSON object with the fields and the sentence', () => {
    const { lines, logger } = logged('json')
    logger.info({ pod: 'shop/cart', netns: 7n }, 'pod is enrolled')
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      pod: 'shop/cart',
      netns: 7,
      msg: 'pod is enrolled'
    })
  })

  it('has the code and the remedy of an error, without a stack', () => {
    const { lines, logger } = logged('json')
    const err = new SluiceError('SLUICE_ERR_MANIFEST_DIRECTORY', { path: '/x' })
    logger.error({ err }, 'no manifests')
    expect(JSON.parse(lines[0] ?? '').err).toEqual({
      code: 'SLUICE_ERR_MANIFEST_DIRECTORY',
      message: err.message,
      remedy: err.remedy
    })
  })

  it('has the stack of an error that nobody foresaw', () => {
    const { lines, logger } = logged('json')
    logger.error({ err: new TypeError('x') }, 'failed')
    expect(JSON.parse(lines[0] ?? '').err.stack).toContain('logger.test.ts')
  })

  it('is left out below the level', () => {
    const { lines, logger } = logged('json', 'warn')
    logger.info('x')
    expect(lines).toEqual([])
  })

  it('is readable as text', () => {
    const { lines, logger } = logged('text')
    logger.warn({ pod: 'shop/cart' }, 'pod is held')
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} WARN {2}pod is held {2}pod=shop\/cart\n$/)
  })
})

describe('text', () => {
  const line = (fields: object) =>
    JSON.stringify({ level: 'info', time: '2026-01-02T03:04:05.678Z', ...fields })

  it.each([
    [{ msg: 'hi' }, '03:04:05.678 INFO  hi\n'],
    [{ msg: 'hi', a: 'two words', n: 1 }, '03:04:05.678 INFO  hi  a="two words" n=1\n'],
    [
      { msg: 'hi', err: { code: 'X', message: 'a\nb' } },
      '03:04:05.678 INFO  hi  err.code=X err.message="a\\nb"\n'
    ],
    [
      { msg: 'hi', list: ['a'], deep: { er: { x: 1 } } },
      '03:04:05.678 INFO  hi  list=["a"] deep.er={"x":1}\n'
    ],
    [{ a: null }, '03:04:05.678 INFO  a=null\n']
  ])('of %j', (fields, expected) => {
    expect(textLine(line(fields))).toBe(expected)
  })
})
