import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { AnyObject, KindName, ObjectOf } from '../../src/api/kinds.ts'
import { parseManifest } from '../../src/api/manifest.ts'
import { keyOf } from '../../src/api/meta.ts'

const FOLDER = join(import.meta.dirname, '../../examples')
const files = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'))

function objectsIn(file: string): readonly AnyObject[] {
  const documents = parseManifest(readFileSync(join(FOLDER, file), 'utf8'))
  return documents.flatMap(({ object, problems }) => {
    expect(problems, file).toEqual([])
    return object === undefined ? [] : [object]
  })
}

const objects = files.flatMap(objectsIn)

function of<K extends KindName>(kind: K): readonly ObjectOf<K>[] {
  return objects.filter((object): object is ObjectOf<K> => object.kind === kind)
}

/** What stands more than once. */
function repeated(values: readonly unknown[]): readonly unknown[] {
  return values.filter((value, index) => values.indexOf(value) !== index)
}

describe('examples', () => {
  test('there are some, and all keep their schemas', () => {
    expect(files).toEqual(expect.arrayContaining(['app.yaml', 'five-slots.yaml', 'oem-strings.yaml']))
    expect(of('MicroVM').length).toBeGreaterThanOrEqual(7)
  })

  test('they can be applied together: no key, TAP, MAC, address, bridge, subnet or state stands twice', () => {
    const interfaces = of('MicroVM').flatMap(({ spec }) => spec.interfaces ?? [])
    const states = of('MicroVM').flatMap(({ spec }) => (spec.disks ?? []).flatMap(({ state }) => state?.name ?? []))
    expect(repeated(objects.map(keyOf))).toEqual([])
    for (const field of ['tap', 'mac', 'address'] as const)
      expect(repeated(interfaces.map((each) => each[field]))).toEqual([])
    expect(repeated(of('MicroVMNetwork').flatMap(({ spec }) => [spec.bridge, spec.subnet]))).toEqual([])
    expect(repeated(states)).toEqual([])
  })

  test('what they refer to is there', () => {
    const there = new Set(objects.map(keyOf))
    const secrets = new Map(
      of('Secret').map(({ metadata, stringData }) => [metadata.name, Object.keys(stringData ?? {})]),
    )
    for (const { spec } of of('MicroVM')) {
      expect(there).toContain(`MicroVMImage//${spec.image.name}`)
      for (const { network } of spec.interfaces ?? []) expect(there).toContain(`MicroVMNetwork//${network.name}`)
      for (const { source } of spec.credentials?.items ?? []) {
        if (source.secretKeyRef) expect(secrets.get(source.secretKeyRef.name)).toContain(source.secretKeyRef.key)
      }
    }
  })

  test('the five slots are as they always were', () => {
    const slots = objectsIn('five-slots.yaml').filter((object) => object.kind === 'MicroVM')
    expect(slots.map(({ metadata }) => metadata.name)).toEqual(['slot1', 'slot2', 'slot3', 'slot4', 'slot5'])
    expect(slots.map(({ spec }) => spec.interfaces?.[0])).toEqual(
      [1, 2, 3, 4, 5].map((slot) => ({
        name: 'eth0',
        network: { name: `slot${slot}` },
        tap: `vm-slot${slot}`,
        mac: `02:00:00:00:00:0${slot}`,
        address: `10.${slot}.0.2`,
        antiSpoof: true,
      })),
    )
  })

  test('their secrets are plainly made up', () => {
    for (const { stringData } of of('Secret')) {
      for (const value of Object.values(stringData ?? {})) expect(value).toMatch(/^not-a-real-/)
    }
  })
})
