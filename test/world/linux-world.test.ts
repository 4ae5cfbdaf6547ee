import { expect, test } from 'vitest'
import { linuxWorld } from '../../src/world/linux/world.ts'

test('the world of this host has every port, each of them real', async () => {
  const world = linuxWorld({ id: '0a1b2c3d', group: 123_456 })
  expect(Object.keys(world).sort()).toEqual(['clock', 'files', 'net', 'process', 'random', 'stream', 'watch'])
  const { code, stdout } = await world.process.run({ argv: ['uname', '-s'], timeout: 5000 }, AbortSignal.timeout(5000))
  expect([code, stdout]).toEqual([0, 'Linux\n'])
  expect(new TextDecoder().decode(await world.files.read('/proc/sys/kernel/random/boot_id', 100)).trim()).toBe(
    world.process.bootId(),
  )
  expect(world.random.bytes(4)).toHaveLength(4)
  expect(Math.abs(world.clock.now() - Date.now())).toBeLessThan(1000)
})
