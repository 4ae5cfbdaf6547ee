import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { openStage, type Stage } from './stage.ts'
import { conditionOf, follow, type History, is } from './stage-client.ts'
import { tellWhenFailed } from './stage-examine.ts'
import { needsStage } from './stage-guest.ts'
import { type Fields, image, network, networked, secret, yaml } from './stage-manifests.ts'
import { filesBelow } from './stage-picture.ts'
import { filesWith, processesWith, textsWith } from './stage-search.ts'
import { inGuest } from './stage-shell.ts'
import { until } from './stage-until.ts'

/** Two guests with systemd that share a Secret; the first has a credential from a file, too. */
let stage: Stage

/** Whatever may go wrong on the way: quotes, commas, line ends, percent signs, letters beyond ASCII. */
const nasty = 'canary-one, with="quotes" and\na line,,feed; 100% $HOME \\ ünï ✓'
const binary = Buffer.from([...Array(256).keys(), ...Buffer.from('canary-two')])
const fromFile = 'canary-three from a file\n'
const rotated = 'canary-four, another one'
const fromFileAgain = 'canary-five from the file, later\n'
const canaries = [Buffer.from(nasty), Buffer.from('canary-two'), binary, Buffer.from(fromFile), Buffer.from(rotated)]
canaries.push(
  Buffer.from(fromFileAgain),
  ...['one', 'three', 'four', 'five'].map((word) => Buffer.from(`canary-${word}`)),
)

const sha256 = (value: string | Buffer) => createHash('sha256').update(value).digest('hex')
const metrics = '127.0.0.1:9464'

const shared = (apiKey: string) => ({
  ...secret('shared', { 'api-key': apiKey }),
  data: { 'jwt-secret': binary.toString('base64') },
})

const fromSecret = (name: string) => ({ name, source: { secretKeyRef: { name: 'shared', key: name } } })

function guest(name: string, net: string, items: readonly Fields[]): Fields {
  return networked(name, net, 2, {
    memory: '256Mi',
    image: { name: 'debian' },
    credentials: { items: [fromSecret('api-key'), fromSecret('jwt-secret'), ...items] },
    readiness: { tcpSocket: { port: 22 }, periodSeconds: 1 },
  })
}

function writeFile(text: string): void {
  const folder = `${stage.root}/run/secrets`
  mkdirSync(folder, { recursive: true })
  chmodSync(folder, 0o700)
  writeFileSync(`${folder}/.new`, text, { mode: 0o400 })
  renameSync(`${folder}/.new`, `${folder}/db-password`)
}

beforeEach(needsStage as never)

beforeAll(async () => {
  stage = await openStage({ args: ['--metrics', metrics, '--log-level', 'trace'] })
  writeFile(fromFile)
  const file = { name: 'db-password', source: { file: { path: '/run/secrets/db-password' } } }
  stage.write('base.yaml', yaml(image('debian', 'debian'), network('n1'), network('n2')))
  stage.write('secret.yaml', yaml(shared(nasty)))
  stage.write('vms.yaml', yaml(guest('app', 'n1', [file]), guest('web', 'n2', [])))
  await stage.start()
  await stage.ready(150, 'app', 'web')
})

afterEach((context) => tellWhenFailed(context as never, stage))

afterAll(() => stage?.close())

/** What the service of a guest has said of a credential last. */
async function arrived(name: string, credential: string, value: string | Buffer): Promise<void> {
  const line = `credential ${credential} ${Buffer.byteLength(value)} bytes sha256 ${sha256(value)}`
  await until(
    `${name} says: ${line}`,
    60,
    () => stage.console(name),
    (text) => text.includes(line),
  )
}

test('values arrive byte for byte in a service, through LoadCredential=', async () => {
  for (const name of ['app', 'web']) {
    await arrived(name, 'api-key', nasty)
    await arrived(name, 'jwt-secret', binary)
  }
  await arrived('app', 'db-password', fromFile)
  expect(stage.console('web')).not.toContain('db-password')
  expect(await inGuest(stage, 'app', 'systemctl cat --no-pager moorage-credentials')).toContain(
    'LoadCredential=api-key',
  )
})

/** Everything that somebody can be shown without being root in the right folder. */
async function shownTexts(): Promise<Record<string, string>> {
  const texts: Record<string, string> = { log: stage.log() }
  for (const name of ['app', 'web']) {
    texts[`console of ${name}`] = stage.console(name)
    texts[`describe ${name}`] = (await stage.moorage('describe', 'MicroVM', name)).stdout
  }
  for (const format of ['yaml', 'json', 'wide']) {
    texts[`get all -o ${format}`] = (await stage.moorage('get', 'all', '-o', format)).stdout
  }
  texts['describe Secret'] = (await stage.moorage('describe', 'Secret', 'shared')).stdout
  texts.plan = Object.values(await stage.moorage('plan', '-o', 'json')).join()
  for (const path of ['/v1/problems', '/v1/objects', '/v1/events?key=MicroVM/default/app']) {
    texts[path] = JSON.stringify(await stage.ask('GET', path))
  }
  const fetching = `fetch('http://${metrics}/metrics').then((answer) => answer.text()).then(console.log)`
  texts.metrics = await stage.net.exec([process.execPath, '-e', fetching])
  return texts
}

/** Where values may rest: the manifest, the file they came from, the accepted versions of Secrets. */
const places = [
  /^etc\/moorage\/manifests\/secret\.yaml 600 0$/,
  /^run\/secrets\/db-password 400 0$/,
  /^var\/lib\/moorage\/secrets\/accepted\/[0-9a-f-]+\.[0-9a-f]{8} 400 0$/,
]

async function expectNoCanary(): Promise<void> {
  const texts = await shownTexts()
  expect(
    Object.keys(texts).filter((name) => texts[name] === ''),
    'texts that are empty',
  ).toEqual([])
  expect(textsWith(canaries, texts)).toEqual([])
  expect(processesWith(canaries)).toEqual([])
  const found = filesWith(canaries, stage.root)
  expect(found.filter((line) => !places.some((place) => place.test(line)))).toEqual([])
  expect(found.length).toBeGreaterThanOrEqual(3)
  const own = filesBelow(`${stage.state}/secrets`)
  expect(own.filter((line) => !/\/ 700 0$| 400 0$/.test(line))).toEqual([])
  expect(filesBelow(stage.state).find((line) => line.startsWith('secrets/ '))).toBe('secrets/ 700 0')
}

test('values are nowhere else', expectNoCanary)

test('a Secret whose manifest is broken is told of without its value', async () => {
  const broken = `apiVersion: v1\nkind: Secret\nmetadata: { name: broken }\nstringData:\n  a: "canary-one\n  b: canary-two: canary-three\n`
  stage.write('broken.yaml', broken)
  stage.write(
    'odd.yaml',
    yaml({ ...secret('odd', {}), stringData: { 'some-key': ['canary-two'] }, canary: 'canary-three' }),
  )
  const told = await until(
    'both are told of',
    10,
    () => stage.problems(),
    ({ problems }) => ['broken', 'odd'].every((name) => problems.some(({ file }) => file.includes(name))),
  )
  const values = ['canary-two', 'canary-three'].map((word) => Buffer.from(word))
  expect(textsWith(values, { problems: JSON.stringify(told), log: stage.log() })).toEqual([])
  for (const name of ['broken.yaml', 'odd.yaml']) {
    const { stdout, stderr } = await stage.moorage('validate', `${stage.manifests}/${name}`)
    expect(textsWith(values, { stdout, stderr })).toEqual([])
    stage.remove(name)
  }
  await until(
    'nothing is wrong',
    10,
    () => stage.problems(),
    ({ problems }) => problems.length === 0,
  )
})

/** At each moment of a history, which VMs were not available. */
function awayAt({ lines }: History): readonly string[] {
  const now = new Map<string, boolean>()
  return lines.map(({ object }) => {
    now.set(object.metadata.name, is(object, 'Available') === 'True')
    return [...now].flatMap(([name, available]) => (available ? [] : [name])).join('+')
  })
}

test('a Secret that changes restarts both, one after the other, and says why', async () => {
  const history = follow(`${stage.run}/moorage.sock`)
  await until('it follows', 10, () => history.lines.length >= 2)
  const before = ['app', 'web'].map((name) => stage.pidOf(name))
  const revision = (await stage.vm('app'))?.status.credentials?.revision
  stage.write('secret.yaml', yaml(shared(rotated)))
  for (const name of ['app', 'web']) {
    await until(
      `${name} was restarted`,
      240,
      () => stage.vm(name),
      (one) => one?.status.restarts.count === 1,
    )
  }
  await stage.ready(150, 'app', 'web')
  history.stop()

  const away = awayAt(history)
  expect(away.filter((names) => names.includes('+'))).toEqual([])
  expect(new Set(away)).toEqual(new Set(['', 'app', 'web']))
  const said = history.lines.map(({ object }) => [
    object.metadata.name,
    conditionOf(object, 'CredentialsCurrent')?.reason,
  ])
  for (const name of ['app', 'web']) expect(said).toContainEqual([name, 'Rotated'])
  const queued = history.lines.filter(({ object }) => conditionOf(object, 'Reconciling')?.reason === 'RestartQueued')
  expect(queued.length).toBeGreaterThan(0)
  for (const { object } of queued) {
    expect([is(object, 'Available'), is(object, 'Ready'), conditionOf(object, 'RestartRequired')?.message]).toEqual([
      'True',
      'False',
      'changed: credentials',
    ])
  }

  expect(['app', 'web'].map((name) => stage.pidOf(name))).not.toEqual(before)
  for (const name of ['app', 'web']) {
    const { status } = (await stage.vm(name))!
    expect(status.restarts).toMatchObject({ count: 1, last: { reason: 'SecretRotated' } })
    expect(conditionOf(await stage.vm(name), 'CredentialsCurrent')).toMatchObject({
      status: 'True',
      reason: 'Delivered',
    })
    await arrived(name, 'api-key', rotated)
  }
  expect((await stage.vm('app'))?.status.credentials?.revision).not.toBe(revision)
})

test('a file that changes restarts the one VM that has it', async () => {
  const [app, web] = [stage.pidOf('app'), stage.pidOf('web')]
  writeFile(fromFileAgain)
  await until(
    'it was restarted',
    60,
    () => stage.vm('app'),
    (one) => one?.status.restarts.count === 2,
  )
  await stage.ready(150, 'app')
  expect((await stage.vm('app'))?.status.restarts.last?.reason).toBe('SecretRotated')
  await arrived('app', 'db-password', fromFileAgain)
  expect(stage.pidOf('app')).not.toBe(app)
  expect(stage.pidOf('web')).toBe(web)
})

test('values are nowhere else after all that', expectNoCanary)
