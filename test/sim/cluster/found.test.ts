import { expect, test } from 'vitest'
import { tellCluster } from './enumerate.ts'
import { plainVm } from './objects.ts'
import { Scene } from './scene.ts'
import { clusterStories } from './stories.ts'

test.each(['delete', 'taint'] as const)(
  'a host that was fenced by %s and is turned on again starts nothing that runs elsewhere',
  async (how) => {
    const scene = new Scene('fenced host returns')
    scene.operator.apply('a', plainVm)
    await scene.rests()
    const { node } = scene.place('a')
    const host = scene.cluster.host(node)!
    scene.operator.turnOff(host)
    scene.operator.fence(node, how)
    await scene.rests()
    expect(scene.place('a').node).not.toBe(node)
    scene.operator.turnOn(host)
    await scene.rests()
    expect(scene.place('a').node).not.toBe(node)
  },
)

test('a host that was fenced and is turned on while no server answers starts nothing that runs elsewhere', async () => {
  const scene = new Scene('fenced host returns to silence')
  scene.operator.apply('a', plainVm)
  await scene.rests()
  const { node } = scene.place('a')
  const host = scene.cluster.host(node)!
  scene.operator.turnOff(host)
  scene.operator.fence(node, 'delete')
  await scene.rests()
  scene.cluster.weather.cut(node, 'mute')
  scene.operator.turnOn(host)
  await scene.pass(600_000)
  scene.cluster.weather.clear()
  await scene.rests()
})

test('an agent that starts anew while a VM goes for a new value holds its turn', async () => {
  const scene = new Scene('agent dies in its turn')
  scene.operator.setRollout(1)
  for (const name of ['a', 'b', 'c', 'd'])
    scene.operator.apply(name, { ...plainVm, secret: 's1', app: true, probe: true })
  await scene.rests()
  scene.operator.settle()
  scene.operator.rotate('s1')
  const going = () => scene.oracles.vmms.running.find(({ vmm }) => vmm.presses > 0)
  await scene.pass(10_000, () => going() !== undefined)
  const { host } = going()!
  await scene.pass(100)
  host.kill()
  await scene.pass(100)
  host.start()
  await scene.rests()
})

test('an agent that starts anew waits for its turn until the server was read', async () => {
  const scene = new Scene('agent dies in a rollout')
  scene.operator.setRollout(1)
  for (const name of ['a', 'b', 'c']) scene.operator.apply(name, { ...plainVm, secret: 's1', app: true, probe: true })
  await scene.rests()
  const host = scene.cluster.host(scene.place('a').node)!
  scene.operator.settle()
  scene.operator.rotate('s1')
  host.hooks.fate = ({ name }) => (name === 'api.PATCH' ? 'before' : 'lives')
  await scene.pass(10_000, () => host.life === null)
  host.hooks.fate = () => 'lives'
  host.start()
  await scene.rests()
})

test('a VM whose turn has come does not wait for one beside it that waits for its own', async () => {
  const story = clusterStories.find(({ name }) => name === 'a Secret of a rollout over two hosts rotates')!
  // The wish of the first VM of a host comes to the server behind that of the second, which is let go first.
  const { broken } = await tellCluster(story, { client: 'node-b', effect: 0, what: 'conflict' })
  expect(broken).toEqual([])
})
