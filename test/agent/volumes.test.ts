import { expect, test } from 'vitest'
import { volumeRecords } from '../../src/agent/volumes.ts'
import type { ObservedVolume } from '../../src/host-state.ts'

const volume = (name: string, more: Partial<ObservedVolume> = {}): ObservedVolume => ({
  ...{ name, ownerUid: `uid-${name}`, ephemeral: false, size: 2 ** 30, user: 0, fault: null },
  owner: { kind: 'MicroVMState', namespace: 'default', name: `state-${name}` },
  madeWith: { fsType: 'ext4', label: 'state' },
  ...more,
})

const told = (...volumes: readonly ObservedVolume[]) => volumeRecords({ volumes }, new Set(['uid-a']), 'host-a')

test('a volume of a state that there is is Bound', () => {
  expect(told(volume('a'))).toEqual([
    {
      name: 'a',
      spec: {
        stateRef: { namespace: 'default', name: 'state-a', uid: 'uid-a' },
        ...{ capacity: '1Gi', fsType: 'ext4', label: 'state' },
      },
      status: { phase: 'Bound', nodeName: 'host-a', message: '' },
    },
  ])
})

test('one whose state is gone is Released, one that is damaged says why', () => {
  const [gone, bad] = told(volume('b'), volume('a', { fault: 'data.img is missing' }))
  expect(gone?.status.phase).toBe('Released')
  expect(bad?.status).toMatchObject({ phase: 'Faulty', message: 'data.img is missing' })
})

test('ephemeral disks, and volumes that nobody knows, are told to nobody', () => {
  expect(told(volume('a', { ephemeral: true }), volume('a', { owner: null }))).toEqual([])
})
