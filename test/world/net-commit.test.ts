import { expect, test } from 'vitest'
import { linuxNet, type NetHost } from '../../src/world/linux/net.ts'
import type { NetOperation } from '../../src/world/net.ts'
import type { RunResult, RunSpec } from '../../src/world/process.ts'

const root = { id: '0123abcd', group: 77 }
const never = new AbortController().signal

/** A host whose programs answer as they are told to: for hosts that are not this one. */
function scripted(answer: (spec: RunSpec) => Partial<RunResult> | Error): NetHost & { readonly inputs: string[][] } {
  const inputs: string[][] = []
  return {
    inputs,
    async run(spec) {
      inputs.push([spec.argv.join(' '), ...(spec.stdin ?? '').trim().split('\n')])
      const result = answer(spec)
      if (result instanceof Error) throw result
      return { code: 0, stdout: '', stderr: '', ...result }
    },
    readText: async () => '0\n',
    writeText: async () => {},
  }
}

const tap = (name: string): NetOperation => ({ op: 'addTap', name, alias: 'moorage:x/y', group: 77, user: 64_001 })
const up = (name: string): NetOperation => ({ op: 'setUp', name })

/** Fails the lines that match, as ip(8) does without and with `-force`. */
function failing(pattern: RegExp, words: string) {
  return ({ argv, stdin = '' }: RunSpec): Partial<RunResult> => {
    const force = argv.includes('-force')
    const failed = stdin
      .trim()
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${words}\nCommand failed -:${index + 1}\n`] : []))
    return failed.length === 0 ? {} : { code: 1, stderr: (force ? failed : failed.slice(0, 1)).join('') }
  }
}

test('a commit in which nothing fails is one ip', async () => {
  const host = scripted(() => ({}))
  const outcomes = await linuxNet(root, host).commit([tap('a'), up('a'), tap('b')], never)
  expect(outcomes).toEqual([{ error: null }, { error: null }, { error: null }])
  expect(host.inputs).toHaveLength(1)
  expect(host.inputs[0]![0]).toBe('ip -batch -')
})

test('on a host without IPv6 everything holds', async () => {
  const host = scripted(failing(/addrgenmode/, 'RTNETLINK answers: Address family not supported by protocol'))
  const outcomes = await linuxNet(root, host).commit([tap('a'), up('a'), tap('b'), up('b')], never)
  expect(outcomes.map(({ error }) => error)).toEqual([null, null, null, null])
  expect(host.inputs.slice(1)).toEqual([
    ['ip -force -batch -', 'link set dev a up', 'tuntap add dev b mode tap user 64001'],
    ['ip -force -batch -', 'link set dev b group 77 alias moorage:x/y'],
    ['ip -force -batch -', 'link set dev b addrgenmode none', 'link set dev b up'],
  ])
})

test('a link that cannot be put into its group is not set up, where no rule would watch it', async () => {
  const host = scripted(failing(/dev [ab] group/, 'RTNETLINK answers: Cannot allocate memory'))
  const group = { op: 'setGroup', name: 'b', group: 77 } as const
  const outcomes = await linuxNet(root, host).commit([tap('a'), up('a'), group, up('b'), up('c')], never)
  expect(outcomes.map(({ error }) => error === null)).toEqual([false, false, false, false, true])
  const done = host.inputs.flatMap(([, ...lines]) => lines)
  expect(done.filter((line) => / up$/.test(line))).toContain('link set dev c up')
  expect(host.inputs.slice(1).flat()).not.toContain('link set dev a up')
  expect(host.inputs.slice(1).flat()).not.toContain('link set dev b up')
})

test('nothing is done to a link whose making fails, and each line is carried out at most once', async () => {
  const host = scripted(failing(/tuntap add dev [ac]/, 'ioctl(TUNSETIFF): Device or resource busy'))
  const operations = [
    tap('a'),
    up('a'),
    tap('b'),
    up('b'),
    tap('c'),
    up('c'),
    { op: 'setMaster', name: 'b', master: 'c' } as const,
  ]
  const outcomes = await linuxNet(root, host).commit(operations, never)
  expect(outcomes.map(({ error }) => error === null)).toEqual([false, false, true, true, false, false, false])
  const done = host.inputs.slice(1).flatMap(([, ...lines]) => lines)
  expect(done.filter((line) => / (a|c)( |$)/.test(line))).toEqual(['tuntap add dev c mode tap user 64001'])
  expect(new Set(done).size).toBe(done.length)
})

test('an ip that says nothing, or cannot be run, is the failure of all that is not known to have failed', async () => {
  const silent = linuxNet(
    root,
    scripted(() => ({ code: 1 })),
  )
  expect(await silent.commit([up('a')], never)).toEqual([
    { error: 'ip failed without a word; see whether something ended it' },
  ])
  const absent = linuxNet(
    root,
    scripted(() => new Error('ip is not installed; install the package that has it')),
  )
  const operations = [up('a b'), up('a'), { op: 'removeRules' } as const]
  expect((await absent.commit(operations, never)).map(({ error }) => error)).toEqual([
    expect.stringContaining('"a b" is no interface name'),
    'ip is not installed; install the package that has it',
    'ip is not installed; install the package that has it',
  ])
})

test('an empty commit runs nothing', async () => {
  const host = scripted(() => new Error('run'))
  expect(await linuxNet(root, host).commit([], never)).toEqual([])
  expect(await linuxNet(root, host).commit([{ op: 'changeRules', add: {}, remove: {} }], never)).toEqual([
    { error: null },
  ])
})
