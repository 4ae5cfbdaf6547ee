import { expect, test } from 'vitest'
import { editorSchema } from '../../src/api/json-schema.ts'
import { KINDS, kindNamed, kindOf } from '../../src/api/kinds.ts'
import { keyOf, keyOfRef, parseKey, refOf } from '../../src/api/meta.ts'

test('a kind is found by each of its words, and no word means two', () => {
  const words = KINDS.flatMap(({ kind, plural, singular, shortNames }) => [
    ...new Set([kind, plural, singular, ...shortNames].map((word) => word.toLowerCase())),
  ])
  expect(new Set(words).size).toBe(words.length)
  expect(kindNamed('MVM')?.kind).toBe('MicroVM')
  expect(kindNamed('secrets')?.kind).toBe('Secret')
  expect(kindNamed('pods')).toBeUndefined()
  expect(kindOf('microvm')).toBeUndefined()
})

test('keys name objects, and are read back', () => {
  const vm = { kind: 'MicroVM', metadata: { name: 'slot1', namespace: 'default' } }
  const image = { kind: 'MicroVMImage', metadata: { name: 'debian' } }
  expect([keyOf(vm), keyOf(image)]).toEqual(['MicroVM/default/slot1', 'MicroVMImage//debian'])
  for (const object of [vm, image]) expect(parseKey(keyOf(object))).toEqual(refOf(object))
  expect(keyOfRef(refOf(image))).toBe(keyOf(image))
})

test('editors get a strict schema of every kind, without what only servers read', () => {
  for (const kind of KINDS) {
    const schema = editorSchema(kind)
    expect(schema).toMatchObject({ title: kind.kind, type: 'object', additionalProperties: false })
    expect(JSON.stringify(schema)).not.toMatch(/x-(kubernetes|moorage)-/)
  }
  const vm = kindOf('MicroVM')
  const text = JSON.stringify(vm === undefined ? {} : editorSchema(vm))
  expect(text).toContain('"oneOf":[{"required":["state"]},{"required":["ephemeral"]}]')
})
