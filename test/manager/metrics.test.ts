import { expect, test } from 'vitest'
import { newManagerMetrics } from '../../src/manager/metrics.ts'
import { manualClock } from '../world/manual-clock.ts'
import { addHost, addMachine, addTeam, newScene } from './scene.ts'

const signal = new AbortController().signal

test('numbers of what was seen and written; one that waits to lead is well, one that leads and hangs is not', async () => {
  const clock = manualClock()
  const metrics = newManagerMetrics(clock)
  const get = async (path: string) => {
    const query = new URLSearchParams()
    const { status, body } = await metrics.handle({ method: 'GET', path, query, body: '' }, signal)
    return { status, body: String(body) }
  }
  await clock.advance(600_000)
  expect(await get('/healthz')).toMatchObject({ status: 200 })
  expect(await get('/readyz')).toEqual({ status: 200, body: 'it waits for its turn to lead\n' })

  const scene = newScene()
  await addTeam(scene)
  await addHost(scene, 'a')
  await addMachine(scene, 'one')
  const decision = await scene.decide()
  const outcomes = decision.writes.map((write) => ({ write, outcome: { is: 'done', object: null } as const }))
  metrics.onLeading(true)
  metrics.onPass({ cluster: await scene.look(), decision, outcomes, error: null, took: 12 })
  metrics.onPass({ cluster: null, decision: null, outcomes: [], error: new Error('away'), took: 1 })
  const { body } = await get('/metrics')
  for (const line of [
    'moorage_manager_leading 1',
    'moorage_manager_passes_total{result="ok"} 1',
    'moorage_manager_passes_total{result="error"} 1',
    'moorage_manager_writes_total{do="finalizers",result="done"} 3',
    'moorage_manager_microvms{bound="no"} 1',
    'moorage_manager_hosts{pulse="live"} 1',
    'moorage_manager_problems 0',
  ]) {
    expect(body.split('\n')).toContain(line)
  }
  await clock.advance(121_000)
  expect(await get('/healthz')).toMatchObject({ status: 503 })
  expect(await get('/else')).toMatchObject({ status: 404 })
})
