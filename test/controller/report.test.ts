import { expect, test } from 'vitest'
import { MAX_HOST_NAME } from '../../src/api/meta.ts'
import { openStatuses } from '../../src/controller/report.ts'
import type { World } from '../../src/world/world.ts'
import { MemoryFiles } from '../world/memory-files.ts'

test.each([`MicroVMHost//${'a'.repeat(MAX_HOST_NAME)}`, `MicroVMOperation/${'a'.repeat(63)}/${'b'.repeat(63)}`])(
  'the status of what has the longest name is kept: %s',
  async (key) => {
    const world = { files: new MemoryFiles(() => 0) } as unknown as World
    const status = { phase: 'Ready', observedGeneration: 1 }
    await (await openStatuses(world, '/status')).save(new Map([[key, status]]))
    expect((await openStatuses(world, '/status')).current.get(key)).toEqual(status)
  },
)
