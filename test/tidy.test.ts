import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { describe, expect, test } from 'vitest'

/** House rules, run as a test: which folder may import which, and what only the real world may touch. */
const src = resolve(import.meta.dirname, '../src')

/** After the colon: what a folder may import besides itself and the root's shared words. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  api: [],
  world: [],
  kubernetes: ['api', 'world'],
  source: ['api', 'world', 'kubernetes'],
  secret: ['api', 'world'],
  hypervisor: ['api'],
  resolve: ['api', 'hypervisor', 'rollout'],
  rollout: [],
  plan: ['rollout'],
  host: ['world', 'hypervisor', 'secret', 'api'],
  manager: ['api', 'world', 'kubernetes', 'resolve'],
  controller: ['api', 'world', 'kubernetes', 'source', 'secret', 'hypervisor', 'resolve', 'rollout', 'plan', 'host'],
  agent: ['api', 'world', 'kubernetes', 'source', 'hypervisor', 'controller'],
  cli: [
    'agent',
    'api',
    'world',
    'kubernetes',
    'manager',
    'source',
    'secret',
    'hypervisor',
    'resolve',
    'rollout',
    'plan',
    'host',
    'controller',
  ],
}

/** Modules at the root of `src` that every folder but `api` and `world` speaks. */
const shared = ['action.ts', 'alias.ts', 'cidr.ts', 'digest.ts', 'host-state.ts', 'ledger.ts']

/** Only `src/world/linux` may touch these; the command line may own its terminal. */
const worldly = ['node:fs', 'node:child_process', 'node:net', 'node:http', 'node:timers', 'fs', 'net', 'child_process']

function files(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name)
    return statSync(path).isDirectory() ? files(path) : path.endsWith('.ts') ? [path] : []
  })
}

function importsOf(text: string): string[] {
  return [
    ...text.matchAll(/(?:^|\n)\s*(?:import|export)\b[^'"\n;]*?(?:\bfrom\s*)?['"]([^'"]+)['"]/g),
    ...text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g),
    ...text.matchAll(/\}\s*from\s*['"]([^'"]+)['"]/g),
  ].map((match) => match[1]!)
}

const all = files(src).map((path) => ({ path, name: relative(src, path), text: readFileSync(path, 'utf8') }))

describe('tidy', () => {
  test('every folder imports only what its arrow allows', () => {
    const wrong: string[] = []
    for (const { path, name, text } of all) {
      const [room] = name.split(sep)
      const allowed = room && arrows[room]
      if (!allowed) continue
      for (const target of importsOf(text)) {
        if (!target.startsWith('.')) continue
        const [other, ...rest] = relative(src, resolve(dirname(path), target)).split(sep)
        if (other === undefined || other === room || target === '../../package.json') continue
        const isShared = rest.length === 0 && shared.includes(other)
        // The world's values are those of the root; it knows no more of us.
        if (isShared && room !== 'api') continue
        if (!allowed.includes(other)) wrong.push(`${name} imports ${target}`)
      }
    }
    expect(wrong).toEqual([])
  })

  test('only the real world touches files, processes, sockets, timers, time and chance', () => {
    const wrong: string[] = []
    for (const { name, text } of all) {
      if (name.startsWith(join('world', 'linux'))) continue
      for (const target of importsOf(text)) if (worldly.includes(target)) wrong.push(`${name} imports ${target}`)
      const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
      for (const [what, pattern] of [
        ['a timer', /\b(setTimeout|setInterval|setImmediate)\(/],
        ['the time', /\bDate\.now\(|\bnew Date\(\)|\bperformance\.now\(|AbortSignal\.timeout\(/],
        ['chance', /\bMath\.random\(|\brandomBytes\(|\brandomUUID\(/],
      ] as const) {
        if (pattern.test(code) && !name.startsWith('cli')) wrong.push(`${name} uses ${what}`)
      }
    }
    expect(wrong).toEqual([])
  })

  test('every folder has an arrow, and the root holds only its shared words and main', () => {
    const entries = readdirSync(src)
    const folders = entries.filter((name) => statSync(join(src, name)).isDirectory())
    expect(folders.filter((name) => !(name in arrows))).toEqual([])
    const modules = entries.filter((name) => name.endsWith('.ts') && name !== 'main.ts')
    expect(modules.sort()).toEqual(shared)
  })

  test('nothing in the tree names a machine, a registry or a place of work', () => {
    const words = /(registry\.npmjs|proxy\.golang|deb\.debian\.org|\/work\/|\bsession\b.*\bhelper\b)/
    const wrong = all.filter(({ text }) => words.test(text)).map(({ name }) => name)
    expect(wrong).toEqual([])
  })
})
