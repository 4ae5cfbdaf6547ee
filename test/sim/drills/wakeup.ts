import type { Drill } from './drill.ts'
import { pair, plain } from './fleet.ts'

export const wakeupDrills: readonly Drill[] = [
  {
    name: 'nobody tells of anything',
    async play(stage) {
      const { net, watch } = stage.host
      await pair(stage)
      watch.deliver = () => []
      net.takeOffBridge('vm-a')
      net.setForwarding(false)
      await stage.pass(65_000)
      stage.expect(stage.vmm('a').reachedAt('10.1.0.10'), 'a is not reached')
      stage.expect(net.forwarding, 'forwarding is off')
      stage.mustHaveRunThroughout('a', 'b')
    },
  },
  {
    name: 'something happens during a pass',
    async play(stage) {
      const { net, hooks } = stage.host
      await pair(stage)
      hooks.latency = () => 2
      for (let into = 0; into < 100; into += 5) {
        stage.host.controller?.wakeups.wake('asked')
        await stage.pass(into)
        net.takeOffBridge('vm-a')
        await stage.pass(5000)
        stage.expect(stage.vmm('a').reachedAt('10.1.0.10'), `${into} ms into a pass: a is not reached`)
      }
      stage.mustHaveRunThroughout('a', 'b')
      for (let turn = 1; turn <= 4; turn += 1) {
        const runStrategy = turn % 2 === 0 ? 'Always' : 'RerunOnFailure'
        stage.write('a.yaml', plain('a', { restartToken: `t${turn}` }))
        for (let wakes = 0; wakes < 500; wakes += 1) {
          if (wakes === 300 + 20 * turn) stage.write('a.yaml', plain('a', { restartToken: `t${turn}`, runStrategy }))
          stage.host.controller?.wakeups.wake('asked')
          await stage.pass(7)
        }
        await stage.pass(10_000)
        stage.mustRun('a')
        stage.expect(stage.starts('a') === turn + 1, `a was started ${stage.starts('a')} times and not ${turn + 1}`)
      }
      stage.mustHaveRunThroughout('b')
    },
  },
]
