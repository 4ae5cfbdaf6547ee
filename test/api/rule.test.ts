import { describe, expect, test } from 'vitest'
import { checkObject } from '../../src/api/check.ts'
import { crdOf, type JsonSchema } from '../../src/api/crd.ts'
import { ourKinds } from '../../src/api/kinds.ts'
import { ruleCases } from './rule.cases.ts'

function rulesIn(schema: JsonSchema): readonly { rule: string; message: string }[] {
  const own = (schema['x-kubernetes-validations'] ?? []) as { rule: string; message: string }[]
  const inner = [...Object.values((schema.properties ?? {}) as object), ...(schema.items ? [schema.items] : [])]
  return [...own, ...inner.flatMap((each) => rulesIn(each as JsonSchema))]
}

const cel = ourKinds().flatMap((kind) => {
  const { versions } = crdOf(kind).spec as { versions: [{ schema: { openAPIV3Schema: JsonSchema } }] }
  return rulesIn(versions[0].schema.openAPIV3Schema)
})

function messages([kind, spec]: readonly [string, object]): readonly string[] {
  const checked = checkObject({ apiVersion: 'moorage.dev/v1alpha1', kind, metadata: { name: 'a' }, spec })
  return 'faults' in checked ? checked.faults.map(({ message }) => message) : []
}

describe('rules', () => {
  for (const [pattern, good, bad] of ruleCases) {
    test(String(pattern), () => {
      const rule = cel.find((each) => pattern.test(each.rule))
      expect(rule, 'the rule is in a CRD').toBeDefined()
      for (const each of good) expect(messages(each), JSON.stringify(each)).toEqual([])
      for (const each of bad) expect(messages(each).join(), JSON.stringify(each)).toContain(rule?.message)
    })
  }

  test('each rule of the CRDs has its row', () => {
    const without = cel.filter(({ rule }) => ruleCases.filter(([pattern]) => pattern.test(rule)).length !== 1)
    expect([...new Set(without.map(({ rule }) => rule))]).toEqual([])
  })
})
