import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { agentParts } from '../../src/agent/statuses.ts'
import { ourKinds } from '../../src/api/kinds.ts'
import { configSchema } from '../../src/controller/config.ts'

const folder = join(import.meta.dirname, '../../manifests')

interface Rule {
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly verbs: readonly string[]
}

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
  readonly rules?: readonly Rule[]
  // biome-ignore lint/suspicious/noExplicitAny: as deep as Kubernetes' own kinds are.
  readonly spec?: any
}

const files = readdirSync(join(folder, 'base')).filter((name) => name.endsWith('.yaml'))
const listed: string[] = parse(readFileSync(join(folder, 'base/kustomization.yaml'), 'utf8')).resources
const all = files
  .filter((name) => !['kustomization.yaml', 'config.yaml'].includes(name))
  .flatMap((name) => parseAllDocuments(readFileSync(join(folder, 'base', name), 'utf8')).map((one) => one.toJS()))
const of = (kind: string) => all.filter((one: Manifest) => one.kind === kind) as Manifest[]
const rules = all.flatMap(({ metadata, rules = [] }: Manifest) =>
  rules.map((rule) => ({ name: metadata.name, ...rule })),
)

test('every file is part of the base', () => {
  const own = files.filter((name) => !['kustomization.yaml', 'config.yaml'].includes(name))
  expect(listed.toSorted()).toEqual(['../../crds', ...own].toSorted())
})

describe('rights', () => {
  test('none is a wildcard, and none is for Secrets', () => {
    expect(rules.length).toBeGreaterThan(15)
    expect(rules.filter((rule) => [...rule.apiGroups, ...rule.resources, ...rule.verbs].includes('*'))).toEqual([])
    expect(rules.filter(({ resources }) => resources.some((one) => one.startsWith('secrets')))).toEqual([])
  })

  test('every kind of ours that is named exists', () => {
    const plurals = new Set(ourKinds().map(({ plural }) => plural))
    const named = rules
      .filter(({ apiGroups }) => apiGroups.includes('moorage.dev'))
      .flatMap(({ resources }) => resources)
    expect(named.filter((one) => !plurals.has(one.replace(/\/status$/, '')))).toEqual([])
  })

  test('a host follows every kind that its agent follows', () => {
    const read = rules.filter(({ name, verbs }) => name === 'moorage-host' && verbs.includes('list'))
    const may = new Set(read.flatMap(({ resources }) => resources))
    const followed = ourKinds().filter(({ kind }) => kind !== 'MicroVMVolume')
    expect(followed.map(({ plural }) => plural).filter((plural) => !may.has(plural))).toEqual([])
  })

  test('each policy fails closed, and is bound to deny', () => {
    const policies = of('ValidatingAdmissionPolicy')
    expect(policies.length).toBeGreaterThan(8)
    expect(policies.filter(({ spec }) => spec.failurePolicy !== 'Fail')).toEqual([])
    const bindings = of('ValidatingAdmissionPolicyBinding')
    expect(bindings.map(({ spec }) => [spec.policyName, spec.validationActions])).toEqual(
      policies.map(({ metadata }) => [metadata.name, ['Deny']]),
    )
  })

  test('a wildcard or another version would keep the server from checking a policy', () => {
    const matched = of('ValidatingAdmissionPolicy').flatMap(({ spec }) => spec.matchConstraints.resourceRules as Rule[])
    expect(matched.filter((rule) => JSON.stringify(rule).includes('*'))).toEqual([])
  })

  test("what the policies call the manager's, the agent does not write", () => {
    const theirs = ['nodeName', 'bindingEpoch', 'rollout']
    expect(agentParts.members.filter((member) => theirs.includes(member))).toEqual([])
  })
})

test('the configuration of the agents is one', () => {
  expect(configSchema.parse(parse(readFileSync(join(folder, 'base/config.yaml'), 'utf8')))).toMatchObject({
    cgroup: '/sys/fs/cgroup/moorage',
  })
})

test('the host folders of the agent are mounted where they are on the host', () => {
  const { containers, volumes } = of('DaemonSet')[0]!.spec.template.spec
  const mounts = new Map<string, string>(
    containers[0].volumeMounts.map((one: { name: string; mountPath: string }) => [one.name, one.mountPath]),
  )
  const hostPaths = volumes.filter((one: { hostPath?: unknown }) => one.hostPath)
  expect(hostPaths.map((one: { hostPath: { path: string } }) => one.hostPath.path)).toEqual([
    '/var/lib/moorage',
    '/run/moorage',
    '/sys/fs/cgroup',
  ])
  for (const { name, hostPath } of hostPaths) expect(mounts.get(name)).toBe(hostPath.path)
})
