import { describe, expect, test } from 'vitest'
import { controlHandler } from '../../src/controller/control.ts'
import type { WatchEvent } from '../../src/controller/control-wire.ts'
import type { HttpResponse } from '../../src/world/stream.ts'
import { all, network, never, Stage, secret, vm } from '../source/stage.ts'
import { FakeController } from './fake-controller.ts'

const canary = 'canary-4711'

async function open(manifests: Readonly<Record<string, string>> = {}) {
  const stage = new Stage()
  stage.write({ 'a.yaml': all(vm('one'), network('net'), secret('app', canary)), ...manifests })
  const fake = new FakeController(stage)
  const handle = controlHandler(fake.value)
  const ask = (method: string, target: string, body: unknown = '', signal = never) => {
    const url = new URL(target, 'http://localhost')
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    return handle({ method, path: url.pathname, query: url.searchParams, body: text }, signal)
  }
  const get = async (target: string) => JSON.parse(String((await ask('GET', target)).body))
  return { stage, fake, ask, get }
}

/** The next `count` events of a watch. */
async function take(response: HttpResponse, count: number): Promise<WatchEvent[]> {
  const events: WatchEvent[] = []
  for await (const piece of response.body as AsyncIterable<string>) {
    for (const line of piece.trim().split('\n')) events.push(JSON.parse(line))
    if (events.length >= count) break
  }
  return events
}

const short = (event: WatchEvent) =>
  event.type === 'BOOKMARK' ? 'BOOKMARK' : `${event.type} ${event.object.kind}/${event.object.metadata.name}`

describe('reading', () => {
  test('objects are shaped as in Kubernetes, with what only the controller knows', async () => {
    const { fake, get } = await open()
    fake.host.statuses = (object) => (object.kind === 'MicroVM' ? { phase: 'Running' } : undefined)
    await fake.pass()
    const { kind, items } = await get('/v1/objects?kind=mvm')
    expect(kind).toBe('List')
    expect(items).toEqual([
      {
        apiVersion: 'moorage.dev/v1alpha1',
        kind: 'MicroVM',
        metadata: {
          name: 'one',
          namespace: 'default',
          uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
          generation: 1,
          creationTimestamp: '2023-11-14T22:13:20Z',
        },
        spec: { vcpu: 1, memory: '128Mi', image: { name: 'debian' } },
        status: { phase: 'Running' },
      },
    ])
  })

  test('a selection by kind, namespace and name; cluster-scoped objects are in every namespace', async () => {
    const { fake, get } = await open()
    await fake.pass()
    const names = async (query: string) =>
      (await get(`/v1/objects${query}`)).items.map((one: { metadata: { name: string } }) => one.metadata.name)
    expect(await names('')).toEqual(['one', 'net', 'app'])
    expect(await names('?namespace=default')).toEqual(['one', 'net', 'app'])
    expect(await names('?namespace=other')).toEqual(['net'])
    expect(await names('?kind=Secret&name=app')).toEqual(['app'])
    expect(await names('?name=none')).toEqual([])
  })

  test('a Secret shows lengths only, under data and stringData, and keeps its annotations to itself', async () => {
    const annotated = `apiVersion: v1
kind: Secret
metadata: { name: both, annotations: { kubectl.kubernetes.io/last-applied-configuration: ${canary} } }
data: { a: ${Buffer.from(canary).toString('base64')}, b: ${Buffer.from('x').toString('base64')} }
stringData: { b: ${canary}${canary} }
`
    const { fake, ask, get } = await open({ 'secret.yaml': annotated })
    await fake.pass()
    const [both] = (await get('/v1/objects?kind=Secret&name=both')).items
    expect(both.data).toEqual({ a: '(11 bytes)', b: '(22 bytes)' })
    expect(both.stringData).toBeUndefined()
    const key = 'Secret/default/both'
    const controller = new AbortController()
    const answers = [
      await ask('GET', '/v1/objects'),
      await ask('GET', `/v1/about?key=${key}`),
      await ask('GET', `/v1/events?key=${key}`),
      await ask('GET', '/v1/problems'),
      await ask('GET', '/v1/plan'),
    ]
    const watched = await take(await ask('GET', '/v1/watch', '', controller.signal), 5)
    const said = JSON.stringify([answers, watched])
    expect(said).toContain('(11 bytes)')
    expect(said).not.toContain(canary)
    expect(said).not.toContain(Buffer.from(canary).toString('base64'))
  })

  test('about: where it came from, what is wrong with a newer version, what is due', async () => {
    const { stage, fake, get } = await open()
    await fake.pass()
    stage.write({ 'a.yaml': all(vm('one', 0), network('net'), secret('app', canary)) })
    const owner = { kind: 'MicroVM', namespace: 'default', name: 'one' }
    const action = {
      id: 'startMachine/x',
      owner,
      after: [],
      because: 'Created',
      kind: 'forgetMachine',
      uid: 'x',
    } as const
    fake.host.plan = {
      actions: [action],
      refusals: [{ owner, reason: 'NameTaken', message: 'tap0 is taken' }],
      waits: [{ owner, reason: 'CrashLoopBackOff', message: 'in a while', until: null }],
    }
    fake.value.events.add(owner, { type: 'Normal', reason: 'Started', message: 'hello' }, 5)
    await fake.pass()
    const about = await get('/v1/about?key=MicroVM/default/one')
    expect(about).toMatchObject({
      origin: '/etc/moorage/manifests/a.yaml:1',
      newer: [{ line: 4, message: 'spec.vcpu must be at least 1, not 0' }],
      events: [{ reason: 'Started', count: 1 }],
      actions: ['startMachine/x: Created'],
      refusals: ['tap0 is taken'],
      waits: ['in a while'],
      failures: [],
    })
  })

  test('plan, problems and events', async () => {
    const { fake, get } = await open({ 'bad.yaml': 'kind: Nonsense\n' })
    await fake.pass()
    expect(await get('/v1/plan')).toEqual({ actions: [], refusals: [], waits: [] })
    expect((await get('/v1/problems')).problems).toMatchObject([{ file: '/etc/moorage/manifests/bad.yaml', line: 1 }])
    expect(await get('/v1/events?key=MicroVM/default/one')).toEqual({ events: [] })
  })

  test('the first question waits for the first pass', async () => {
    const { fake, get } = await open()
    const answer = get('/v1/objects')
    await fake.pass()
    expect((await answer).items).toHaveLength(3)
  })
})

describe('watching', () => {
  test('what is there, a bookmark, then only what became another', async () => {
    const { stage, fake, ask } = await open()
    await fake.pass()
    const end = new AbortController()
    const response = await ask('GET', '/v1/watch?kind=MicroVM', '', end.signal)
    const { lines, next } = eventsOf(response)
    expect(await next()).toEqual(['ADDED MicroVM/one', 'BOOKMARK'])

    await fake.pass()
    stage.write({ 'b.yaml': vm('two') })
    await fake.pass()
    expect(await next()).toEqual(['ADDED MicroVM/two'])

    fake.host.statuses = ({ kind }) => (kind === 'MicroVM' ? { phase: 'Running' } : undefined)
    await fake.pass()
    expect(await next()).toEqual(['MODIFIED MicroVM/one', 'MODIFIED MicroVM/two'])
    end.abort()
    expect((await lines.next()).done).toBe(true)
    expect(fake.listeners).toBe(0)
  })

  test('a slow reader gets the difference, not the history', async () => {
    const { fake, ask } = await open()
    await fake.pass()
    const response = await ask('GET', '/v1/watch?kind=MicroVM')
    const lines = (response.body as AsyncIterable<string>)[Symbol.asyncIterator]()
    await lines.next()
    for (const phase of ['Pending', 'Starting', 'Running']) {
      fake.host.statuses = () => ({ phase })
      await fake.pass()
    }
    const { value } = await lines.next()
    expect(value.trim().split('\n')).toHaveLength(1)
    expect(JSON.parse(value).object.status.phase).toBe('Running')
  })

  test('a deleted object, and another one of its name, are told apart', async () => {
    const { fake, ask } = await open()
    await fake.pass()
    await ask('POST', '/v1/apply', { objects: [plain('made')] })
    const response = await ask('GET', '/v1/watch?name=made')
    const { next } = eventsOf(response)
    expect(await next()).toEqual(['ADDED MicroVM/made', 'BOOKMARK'])
    await ask('POST', '/v1/delete', { keys: ['MicroVM/default/made'] })
    expect(await next()).toEqual(['MODIFIED MicroVM/made'])
    const { uid } = fake.value.last!.source.objects.find(({ key }) => key === 'MicroVM/default/made')!
    await fake.stage.source.finish('MicroVM/default/made', uid)
    await ask('POST', '/v1/apply', { objects: [plain('made')] })
    expect(await next()).toEqual(['DELETED MicroVM/made', 'ADDED MicroVM/made'])
  })
})

/** A MicroVM as JSON. */
/** Lines of a watch, and what those that came together say in short. */
function eventsOf({ body }: HttpResponse) {
  const lines = (body as AsyncIterable<string>)[Symbol.asyncIterator]()
  const next = async () =>
    ((await lines.next()).value as string)
      .trim()
      .split('\n')
      .map((line) => short(JSON.parse(line)))
  return { lines, next }
}

function plain(name: string, vcpu = 1) {
  const spec = { vcpu, memory: '128Mi', image: { name: 'debian' } }
  return { apiVersion: 'moorage.dev/v1alpha1', kind: 'MicroVM', metadata: { name }, spec }
}

describe('changing', () => {
  test('apply makes, updates and leaves alone, and what it wrote is seen at once', async () => {
    const { fake, ask, get } = await open()
    await fake.pass()
    const apply = async (vcpu: number) =>
      JSON.parse(String((await ask('POST', '/v1/apply', { objects: [plain('made', vcpu)] })).body))
    expect(await apply(1)).toEqual({ results: [{ key: 'MicroVM/default/made', result: 'created' }] })
    expect((await get('/v1/objects?name=made')).items).toHaveLength(1)
    expect(await apply(1)).toEqual({ results: [{ key: 'MicroVM/default/made', result: 'unchanged' }] })
    expect(await apply(2)).toEqual({ results: [{ key: 'MicroVM/default/made', result: 'configured' }] })
    expect((await get('/v1/objects?name=made')).items[0].metadata.generation).toBe(2)
    expect(fake.woken).toEqual(['apply', 'apply', 'apply'])
  })

  test('what stands in a manifest is refused, and then nothing of the rest is applied', async () => {
    const { fake, ask, get } = await open()
    await fake.pass()
    const answer = await ask('POST', '/v1/apply', { objects: [plain('made'), plain('one')] })
    expect(answer.status).toBe(409)
    expect(answer.body).toMatch(/MicroVM\/default\/one comes from \/etc\/moorage\/manifests\/a.yaml:1/)
    expect((await get('/v1/objects?name=made')).items).toEqual([])
  })

  test('delete: machine-made objects go, those of manifests are refused in a sentence each', async () => {
    const { fake, ask, get } = await open()
    await fake.pass()
    await ask('POST', '/v1/apply', { objects: [plain('made')] })
    const keys = ['MicroVM/default/made', 'MicroVM/default/one', 'MicroVM/default/none']
    const { refusals } = JSON.parse(String((await ask('POST', '/v1/delete', { keys })).body))
    expect(refusals.map(({ key }: { key: string }) => key)).toEqual(['MicroVM/default/one', 'MicroVM/default/none'])
    expect((await get('/v1/objects?name=made')).items[0].metadata.deletionTimestamp).toMatch(/Z$/)
  })

  test('wake wakes', async () => {
    const { fake, ask } = await open()
    await fake.pass()
    await ask('POST', '/v1/wake')
    expect(fake.woken).toEqual(['asked'])
  })
})

describe('wrong requests', () => {
  test.each([
    ['GET', '/v1/nothing', '', 404, 'there is no /v1/nothing'],
    ['GET', '/v1/apply', '', 405, '/v1/apply does not take GET; use POST'],
    ['GET', '/v1/objects?kind=MicroVN', '', 400, 'there is no kind MicroVN: did you mean MicroVM?'],
    ['GET', '/v1/about', '', 400, 'key is required'],
    ['GET', '/v1/about?key=MicroVM/default/none', '', 404, 'there is no MicroVM/default/none'],
    ['POST', '/v1/apply', canary, 400, 'the body must be JSON with a list objects'],
    ['POST', '/v1/apply', '{"objects":7}', 400, 'the body must be JSON with a list objects'],
    ['POST', '/v1/apply', `{"objects":["${canary}"]}`, 400, 'kind is required'],
    [
      'POST',
      '/v1/apply',
      JSON.stringify({ objects: [plain('x', 0)] }),
      400,
      'objects[0]: spec.vcpu must be at least 1',
    ],
    ['POST', '/v1/delete', '{"keys":[1]}', 400, 'keys must be texts'],
    ['POST', '/v1/delete', JSON.stringify({ keys: Array(5001).fill('x') }), 413, 'at most 5000 keys'],
  ])('%s %s (%#)', async (method, target, body, status, words) => {
    const { fake, ask } = await open()
    await fake.pass()
    const answer = await ask(method, target, body)
    expect(answer.status).toBe(status)
    expect(answer.body).toContain(words)
    expect(answer.body).not.toContain(canary)
  })
})
