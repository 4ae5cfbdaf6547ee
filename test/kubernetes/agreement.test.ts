import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { checkObject } from '../../src/api/check.ts'
import { type Kind, kindOf, ourKinds } from '../../src/api/kinds.ts'
import { API_VERSION } from '../../src/api/meta.ts'
import { pathOf, resourceOf } from '../../src/kubernetes/resource.ts'
import type { ApiReply, ApiServer } from '../../src/world/api-server.ts'
import { linuxApiServer } from '../../src/world/linux/api-server.ts'
import { ruleCases } from '../api/rule.cases.ts'
import { chance as chanceOf } from '../hostile/chance.ts'
import { mutate } from '../hostile/mutate.ts'
import { validObject } from '../hostile/valid.ts'
import { type Cluster, hasCluster, needsCluster, openCluster } from './cluster.ts'

let cluster: Cluster
let api: ApiServer
const never = new AbortController().signal

beforeEach(needsCluster)

beforeAll(async () => {
  if (!hasCluster) return
  cluster = await openCluster()
  api = await linuxApiServer(cluster.kubeconfig, { userAgent: 'test' })
})

afterAll(() => cluster?.close())

/** What the server says of an object, without keeping it. */
function asked(kind: Kind, object: unknown): Promise<ApiReply> {
  const resource = resourceOf(kind)
  const path = pathOf(resource, resource.namespaced ? { namespace: 'default' } : {})
  return api.send({ method: 'POST', path, query: { dryRun: 'All', fieldValidation: 'Strict' }, body: object }, never)
}

const objectOf = (kind: string, spec: unknown) => ({ apiVersion: API_VERSION, kind, metadata: { name: 'a' }, spec })

/** Where a directory and the server do not agree on an object; null where they do. */
async function difference(kind: Kind, spec: unknown): Promise<string | null> {
  const object = objectOf(kind.kind, spec)
  const ours = checkObject(object)
  const theirs = await asked(kind, object)
  const took = theirs.status === 201
  if (took === 'object' in ours) return null
  const why = 'faults' in ours ? ours.faults[0]?.message : (theirs.body as { message?: string }).message
  return `${took ? 'the server takes' : 'the server refuses'} ${JSON.stringify(object).slice(0, 1000)}: ${why}`
}

describe('a directory and an API server take the same objects', () => {
  for (const kind of ourKinds()) {
    test(kind.kind, async () => {
      const differences: string[] = []
      for (let seed = 1; seed <= 150; seed++) {
        const chance = chanceOf(seed)
        const { spec } = validObject(kind, chance) as { spec: unknown }
        const wrong = await difference(kind, seed % 2 === 0 ? mutate(spec, chance, 300) : spec)
        if (wrong !== null) differences.push(wrong)
      }
      expect(differences.slice(0, 5)).toEqual([])
    })
  }

  test('whatever keeps or breaks a rule', async () => {
    for (const [rule, good, bad] of ruleCases) {
      for (const [name, spec] of [...good, ...bad])
        expect(await difference(kindOf(name)!, spec), String(rule)).toBeNull()
    }
  })

  test('quantities at their bounds', async () => {
    const texts = [
      '1Mi',
      '15Mi',
      '16Mi',
      '16777215',
      '16777216',
      '64Ti',
      '65Ti',
      '70368744177665',
      '1e9',
      '1.5Gi',
      '-1',
    ]
    for (const memory of [...texts, '0', '100m', '0.5Gi', '1E3', '1e', '9999999Ei', '', 1e9, 16, -5, 1.5]) {
      const spec = { vcpu: 1, memory, image: { name: 'a' } }
      expect(await difference(kindOf('MicroVM')!, spec), String(memory)).toBeNull()
    }
  })
})
