import { inspect } from 'node:util'
import { pino } from 'pino'
import { describe, expect, test } from 'vitest'
import { parseManifest } from '../../src/api/manifest.ts'
import type { MicroVM } from '../../src/api/microvm.ts'
import type { Secret as SecretObject } from '../../src/api/secret.ts'
import { CredentialError, readCredentials, type SecretSources } from '../../src/secret/credentials.ts'
import { revisionOf } from '../../src/secret/revision.ts'
import { Secret } from '../../src/secret/secret.ts'
import { FileError, type Files } from '../../src/world/files.ts'

const canary = 'c4n4ry-of-the-coal-mine'
const secret = (text: string) => new Secret(Buffer.from(text))
const key = (byte: number) => ({ id: `k${byte}`, key: new Secret(Buffer.alloc(32, byte)) })

describe('a Secret', () => {
  test('cannot be printed', () => {
    const one = secret(canary)
    const lines: string[] = []
    pino({ level: 'info' }, { write: (line: string) => lines.push(line) }).info(
      { one, deep: { list: [one] } },
      `with ${one}`,
    )
    const prints = [
      String(one),
      `${one}`,
      JSON.stringify({ one }),
      inspect(one, { showHidden: true, depth: 9 }),
      `${one}`,
      ...lines,
    ]
    for (const print of prints) {
      expect(print).not.toContain(canary)
      expect(print).not.toContain(Buffer.from(canary).toString('base64'))
    }
    expect(Object.keys(one)).toEqual([])
    expect(Buffer.from(one.reveal()).toString()).toBe(canary)
  })
})

describe('a revision', () => {
  const items = [
    { name: 'a', value: secret('x') },
    { name: 'b', value: secret('y') },
  ]

  test('is the same for the same values, another for any other name, value, order or split', () => {
    const base = revisionOf(items, key(1)).digest
    expect(revisionOf([...items], key(1)).digest).toBe(base)
    const others = [
      items.toReversed(),
      [{ name: 'a', value: secret('x') }],
      [
        { name: 'a', value: secret('x') },
        { name: 'b', value: secret('z') },
      ],
      [{ name: 'a', value: secret('x1:b1:y') }],
      [
        { name: 'ax', value: secret('') },
        { name: 'b', value: secret('y') },
      ],
    ]
    for (const other of others) expect(revisionOf(other, key(1)).digest).not.toBe(base)
  })

  test('is another with another key, and says which key', () => {
    expect(revisionOf(items, key(1)).digest).not.toBe(revisionOf(items, key(2)).digest)
    expect(revisionOf(items, key(2)).key).toBe('k2')
  })
})

function vm(more: string): MicroVM {
  const head =
    'apiVersion: moorage.dev/v1alpha1\nkind: MicroVM\nmetadata: { name: a, namespace: team }\nspec:\n  vcpu: 1\n  memory: 256Mi\n  image: { name: i }\n'
  const [document] = parseManifest(head + more)
  if (document?.object?.kind !== 'MicroVM') throw new Error(document?.problems.map(({ message }) => message).join())
  return document.object
}

const app: SecretObject = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'app', namespace: 'team' },
  data: { encoded: Buffer.from('from data\n').toString('base64'), both: 'AAAA' },
  stringData: { plain: canary, both: 'stringData wins' },
}

function sources(read: Files['readBeneath'] = async () => Buffer.from('from a file\n')): SecretSources {
  return {
    secrets: new Map([['team/app', app]]),
    files: { readBeneath: read } as Files,
    folders: ['/run/secrets'],
    root: '/srv',
  }
}

const values = async (more: string, from = sources()) => {
  const { items, sources: keys } = await readCredentials(vm(more), from)
  return {
    values: Object.fromEntries(items.map(({ name, value }) => [name, Buffer.from(value.reveal()).toString()])),
    keys,
  }
}
const item = (name: string, source: string) => `{ name: ${name}, source: { ${source} } }`
const ref = (name: string, of: string) => item(name, `secretKeyRef: { name: app, key: ${of} }`)

describe('the credentials of a VM', () => {
  test('come from Secrets, files and values, byte by byte, under their prefix', async () => {
    const asked: string[] = []
    const from = sources(async (root, path) => {
      asked.push(`${root} ${path}`)
      return Buffer.from('from a file\n')
    })
    const list = [
      ref('A', 'plain'),
      ref('B', 'encoded'),
      ref('C', 'both'),
      item('D', 'file: { path: /run/secrets/db/password }'),
      item('E', 'value: production'),
    ]
    expect(await values(`  credentials: { prefix: HOST-, items: [${list.join(', ')}] }\n`, from)).toEqual({
      values: {
        'HOST-A': canary,
        'HOST-B': 'from data\n',
        'HOST-C': 'stringData wins',
        'HOST-D': 'from a file\n',
        'HOST-E': 'production',
      },
      keys: ['File///run/secrets/db/password', 'Secret/team/app'],
    })
    expect(asked).toEqual(['/srv/run/secrets db/password'])
  })

  test('what guest says comes under the names that systemd reads', async () => {
    const more =
      '  guest: { authorizedKeys: ["ssh-ed25519 AAAA me"], rootPasswordHashFrom: { secretKeyRef: { name: app, key: plain } } }\n'
    expect((await values(more)).values).toEqual({
      'ssh.authorized_keys.root': 'ssh-ed25519 AAAA me\n',
      'passwd.hashed-password.root': canary,
    })
  })

  test.each([
    [
      'a Secret that is not there',
      item('A', 'secretKeyRef: { name: other, key: k }'),
      'Secret team/other is not there',
    ],
    ['a key that is not there', ref('A', 'missing'), 'Secret team/app has no key missing'],
    [
      'a path outside',
      item('A', 'file: { path: /etc/shadow }'),
      '/etc/shadow is not below a folder that hostPaths.secrets of config.yaml allows (/run/secrets)',
    ],
  ])('%s is told in a sentence', async (_what, one, sentence) => {
    const error = await readCredentials(vm(`  credentials: { items: [${one}] }\n`), sources()).catch(
      (caught: unknown) => caught,
    )
    expect(error).toBeInstanceOf(CredentialError)
    expect((error as Error).message).toBe(sentence)
  })

  test('a file that cannot be read is told by its path', async () => {
    const from = sources(async (_root, path) => {
      throw new FileError('ELOOP', path, 'a link')
    })
    const more = `  credentials: { items: [${item('A', 'file: { path: /run/secrets/a }')}] }\n`
    await expect(readCredentials(vm(more), from)).rejects.toThrow('/run/secrets/a cannot be read: ELOOP')
  })
})
