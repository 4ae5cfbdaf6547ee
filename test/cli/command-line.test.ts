import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { renderCrds } from '../../src/api/crd-yaml.ts'
import { entries } from '../../src/cli/commands.ts'
import { wholeProgram } from '../../src/cli/program.ts'
import { all, network, secret, vm } from '../source/stage.ts'
import { bundled } from './moorage.ts'

const moorage = bundled()

/** A file below the folder that commands run in; answers its name there. */
function put(name: string, text: string): string {
  const path = join(moorage.folder, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
  return name
}

describe('every command', () => {
  test('is in the help, explains itself and takes --root', async () => {
    const program = await wholeProgram()
    const { out } = await moorage.run([])
    for (const { name, summary } of entries) {
      expect(out).toContain(`  ${name} `)
      const help = program.commands.find((command) => command.name() === name)!.helpInformation()
      expect(help.replaceAll(/\s+/g, ' ').toLowerCase()).toContain(summary.toLowerCase())
      expect(help).toContain('--root <dir>')
    }
    const wait = program.commands.find((command) => command.name() === 'wait')!
    expect((await moorage.run(['wait', '--help'])).out.startsWith(wait.helpInformation())).toBe(true)
    expect((await moorage.run(['help', 'wait'])).out.startsWith(wait.helpInformation())).toBe(true)
  })

  test('takes --root before and after its name', async () => {
    const sentence = (root: string) =>
      `moorage: no controller runs on this root; start it with: moorage run --root ${root}\n`
    expect((await moorage.run(['--root', '/tmp/none', 'get'])).err).toBe(sentence('/tmp/none'))
    expect((await moorage.run(['get', '--root=/tmp/none/'])).err).toBe(sentence('/tmp/none'))
  })

  test.each([
    [['gett'], "unknown command 'gett'; did you mean get?"],
    [['nonsense'], "unknown command 'nonsense'"],
    [['get', '--outptu', 'json'], "unknown option '--outptu'; did you mean --output?"],
    [
      ['get', '-o', 'xml'],
      "option '-o, --output <format>' argument 'xml' is invalid. Allowed choices are table, wide, json, yaml, name.",
    ],
    [['validate'], "missing required argument 'path'"],
    [['get', 'MicroVN'], 'there is no kind MicroVN: did you mean MicroVM?'],
    [['describe', 'mvm'], 'name the object too: moorage describe mvm NAME'],
    [['wait', 'slot1', '--for', 'condition=Ready'], 'name an object as slot1/NAME, or add --all'],
    [
      ['wait', 'mvm/a', '--for', 'readiness'],
      '--for=readiness is not known; write condition=Ready, condition=Ready=False or delete',
    ],
    [
      ['wait', 'mvm/a', '--for', 'delete', '--timeout', 'soon'],
      'soon is no time to wait; write for example 60s or 5m, at most 7d',
    ],
    [
      ['wait', 'mvm/a', 'mvmnet/b', '--for', 'delete'],
      'wait for one kind at a time: MicroVM and MicroVMNetwork are two',
    ],
    [['run', '--metrics', '9464'], '9464 is no HOST:PORT; write for example 127.0.0.1:9464'],
  ])('%j', async (args, sentence) => {
    const { code, out, err } = await moorage.run(args)
    expect({ code, out, err }).toEqual({ code: 1, out: '', err: `moorage: ${sentence}\n` })
  })

  test('a stack only when it is asked for', async () => {
    const args = ['get', 'MicroVN']
    expect((await moorage.run(args)).err.split('\n')).toHaveLength(2)
    expect((await moorage.run(args, { env: { MOORAGE_DEBUG: '1' } })).err).toMatch(/\n {4}at /)
  })

  test('a reader that leaves is no error', async () => {
    const pipe = `set -o pipefail; node "$1" crds | head -1`
    const out = execFileSync('bash', ['-c', pipe, 'bash', moorage.bundle], { encoding: 'utf8' })
    expect(out).toBe('# Generated from src/api; do not edit.\n')
  })
})

describe('validate', () => {
  test('good files and folders are counted', async () => {
    put('good/a.yaml', all(vm('one'), network('net')))
    put('good/deep/b.yml', secret('app', 'canary'))
    put('good/notes.txt', 'not a manifest')
    expect(await moorage.run(['validate', 'good'])).toEqual({
      code: 0,
      out: '3 objects in 2 files are good.\n',
      err: '',
    })
    expect((await moorage.run(['validate', 'good/deep/b.yml'])).out).toBe('1 object in 1 file is good.\n')
    expect((await moorage.run(['validate', '-'], { input: vm('one') })).out).toBe('1 object in 1 file is good.\n')
  })

  test('each problem with its place, by the name that was given', async () => {
    put('bad/a.yaml', all(vm('one', 0), vm('two').replace('memory', 'memmory')))
    put('bad/b.yaml', 'kind: [')
    const { code, out, err } = await moorage.run(['validate', 'bad/', 'missing.yaml'])
    expect(code).toBe(1)
    const lines = out.trim().split('\n')
    expect(lines[0]).toBe('bad/a.yaml:4:15: spec.vcpu must be at least 1, not 0')
    expect(out).toContain('bad/a.yaml:9:18: unknown field spec.memmory: did you mean memory?')
    expect(out).toMatch(/^bad\/b\.yaml:1:\d+: /m)
    expect(lines.at(-1)).toBe('missing.yaml: the file is not there')
    expect(err).toBe(`moorage: ${lines.length} problems in 3 files\n`)
  })

  test('an object that stands twice is told in both places, across files', async () => {
    put('twice/a.yaml', vm('one'))
    put('twice/b.yaml', all(network('net'), vm('one', 2)))
    expect((await moorage.run(['validate', 'twice'])).out).toBe(
      [
        'twice/a.yaml:1:1: MicroVM/default/one is in twice/b.yaml:6 as well: take one of the two away\n',
        'twice/b.yaml:6:1: MicroVM/default/one is in twice/a.yaml:1 as well: take one of the two away\n',
      ].join(''),
    )
  })

  test('empty input, bytes that are no text, a folder of nothing', async () => {
    expect((await moorage.run(['validate', '-'])).out).toBe(
      'stdin: the file is empty: write an object into it or take it away\n',
    )
    writeFileSync(join(moorage.folder, 'latin.yaml'), Buffer.from([0x6b, 0xe9, 0x0a]))
    expect(await moorage.run(['validate', 'latin.yaml'])).toMatchObject({
      code: 1,
      out: expect.stringMatching(/^latin\.yaml: the file /),
    })
    mkdirSync(join(moorage.folder, 'nothing'))
    expect(await moorage.run(['validate', 'nothing'])).toMatchObject({
      code: 0,
      out: '0 objects in 0 files are good.\n',
    })
  })

  test('what is wrong in a Secret is told without its value', async () => {
    const { code, out } = await moorage.run(['validate', '-'], {
      input: 'apiVersion: v1\nkind: Secret\nmetadata: { name: s }\ndata: { k: "canary!" }\n',
    })
    expect(code).toBe(1)
    expect(out).toMatch(/^stdin:4:\d+: /)
    expect(out).not.toContain('canary')
  })

  test('all of our examples are good', async () => {
    const { code, err } = await moorage.run(['validate', join(import.meta.dirname, '../../examples')])
    expect({ code, err }).toEqual({ code: 0, err: '' })
  })
})

describe('crds and schema', () => {
  test('crds prints what crds/ holds', async () => {
    const { out } = await moorage.run(['crds'])
    expect(out).toBe([...renderCrds().values()].join('---\n'))
  })

  test('--write makes the files, again and again, and only into a folder that is there', async () => {
    mkdirSync(join(moorage.folder, 'out'))
    for (let times = 0; times < 2; times += 1) {
      const { code, out } = await moorage.run(['crds', '--write', 'out'])
      expect({ code, lines: out.trim().split('\n').length }).toEqual({ code: 0, lines: renderCrds().size })
    }
    const names = readdirSync(join(moorage.folder, 'out'))
    expect(names.sort()).toEqual([...renderCrds().keys()].sort())
    for (const name of names)
      expect(readFileSync(join(moorage.folder, 'out', name), 'utf8')).toBe(renderCrds().get(name))
    expect(await moorage.run(['crds', '--write', 'no'])).toMatchObject({
      code: 1,
      err: 'moorage: no is no folder; make it first\n',
    })
  })

  test('schema prints the JSON Schema of a kind, by any of its words', async () => {
    const { out } = await moorage.run(['schema', 'MicroVM'])
    expect(JSON.parse(out)).toMatchObject({ title: 'MicroVM', type: 'object' })
    expect((await moorage.run(['schema', 'mvm'])).out).toBe(out)
  })
})

describe('manage', () => {
  test('says in a sentence what keeps it from running', async () => {
    const none = await moorage.run(['manage', '--kubeconfig', 'none.yaml'])
    expect(none).toMatchObject({ code: 1, out: '' })
    expect(none.err).toMatch(/^moorage: the kubeconfig none\.yaml cannot be read: .*\n$/)
    const port = await moorage.run(['manage', '--metrics', '9464'])
    expect(port).toMatchObject({ code: 1, err: 'moorage: 9464 is no HOST:PORT; write for example 127.0.0.1:9464\n' })
  })
})

describe('completion', () => {
  const complete = async (...words: string[]) => (await moorage.run(['__complete', ...words])).out.trim().split('\n')

  test('commands, kinds, options, their values; a controller that is not there is no reason to speak', async () => {
    expect(await complete('')).toEqual([...entries.map(({ name }) => name), 'help'])
    expect(await complete('re')).toEqual(['restart'])
    expect(await complete('--root', '/tmp/none', 'desc')).toEqual(['describe'])
    expect(await complete('get', 'MicroVMN')).toEqual(['MicroVMNetwork'])
    expect(await complete('get', 'mvm', '-o', 'j')).toEqual(['json'])
    expect(await complete('wait', 'Sec')).toEqual(['Secret/'])
    expect(await complete('wait', 'mvm/x', '--for', '')).toEqual(['condition=Ready', 'delete'])
    expect(await complete('completion', '')).toEqual(['bash', 'zsh', 'fish'])
    expect(await complete('run', '--log')).toEqual(['--log-level'])
    const { code, out, err } = await moorage.run(['__complete', '--root', '/tmp/none', 'logs', ''])
    expect({ code, out, err }).toEqual({ code: 0, out: '', err: '' })
  })

  test('the script for bash offers them, also behind an equals sign', () => {
    const script = `
      moorage() { "${process.execPath}" "${moorage.bundle}" "$@"; }
      source <(moorage completion bash)
      ask() {
        COMP_LINE="$1" COMP_POINT=\${#1}
        read -ra COMP_WORDS <<< "\${1//=/ = }"
        [[ $1 == *" " ]] && COMP_WORDS+=("")
        COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)) COMPREPLY=()
        _moorage 2>/dev/null
        echo "\${COMPREPLY[*]}"
      }
      ask "moorage compl"; ask "moorage completion "; ask "moorage --root=/tmp/none sch"; ask "moorage wait Secr"
    `
    const out = execFileSync('bash', ['-c', script], { encoding: 'utf8' })
    expect(out.split('\n')).toEqual(['completion', 'bash zsh fish', 'schema', 'Secret/', ''])
  })

  test.each(['bash', 'zsh', 'fish'])('the script for %s asks the command', async (shell) => {
    expect((await moorage.run(['completion', shell])).out).toContain('moorage __complete')
  })
})

describe('without root', () => {
  /** As somebody who is not root, whoever runs the tests. */
  const unprivileged = (...args: string[]) => {
    const prefix = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : ['env']
    const [program = '', ...rest] = [...prefix, process.execPath, moorage.bundle, ...args]
    try {
      return { code: 0, err: '', out: execFileSync(program, rest, { encoding: 'utf8', stdio: 'pipe' }) }
    } catch (error) {
      const { status, stderr, stdout } = error as { status: number; stderr: string; stdout: string }
      return { code: status, err: stderr, out: stdout }
    }
  }
  const open = () => execFileSync('chmod', ['o+rx', moorage.folder])

  test.each(['run', 'plan'])('%s says what to do, and changes nothing', (command) => {
    open()
    const root = join(moorage.folder, 'untouched')
    mkdirSync(root, { recursive: true })
    const { code, err } = unprivileged(command, '--root', root)
    expect(code).toBe(1)
    expect(err).toMatch(/^moorage: uid \d+ may not make interfaces and VMs; run it with sudo$/m)
    expect(err).not.toContain(' at ')
    expect(readdirSync(root)).toEqual([])
  })

  test('doctor goes on as far as it can, and exits 1', () => {
    open()
    const { code, out, err } = unprivileged('doctor', '--root', join(moorage.folder, 'untouched'))
    expect(code).toBe(1)
    expect(out).toMatch(/^CHECK +STATE +WHAT$/m)
    expect(out).toMatch(/^user +fail /m)
    expect(out).toMatch(/^kernel +ok /m)
    expect(err).toMatch(/^moorage: VMs cannot run here yet: see user/)
  })

  test('validate, crds, schema and completion need nobody', () => {
    open()
    expect(unprivileged('crds').code).toBe(0)
    expect(unprivileged('schema', 'mvm').code).toBe(0)
    expect(unprivileged('validate', join(import.meta.dirname, '../../examples/app.yaml')).code).toBe(0)
  })
})
