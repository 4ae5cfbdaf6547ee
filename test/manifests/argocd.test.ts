import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { ourKinds } from '../../src/api/kinds.ts'

const folder = join(import.meta.dirname, '../../manifests/argocd')
const lua = readFileSync(join(folder, 'health.lua'), 'utf8')

const head = `# For Argo CD: kubectl -n argocd patch configmap argocd-cm --type merge --patch-file argocd-cm.yaml
# What else is in its resource.customizations has to be put beside this. Made of health.lua; do not edit.
apiVersion: v1
kind: ConfigMap
metadata:
  name: argocd-cm
  namespace: argocd
data:
  resource.customizations: |
    "moorage.dev/*":
      health.lua: |
`

/** The script within a text within a text. */
function configMap(): string {
  const lines = lua.split('\n').map((line) => (line === '' ? '' : `        ${line}`))
  return head + lines.join('\n')
}

test('argocd-cm.yaml holds health.lua (UPDATE=1 writes it)', () => {
  const path = join(folder, 'argocd-cm.yaml')
  if (process.env.UPDATE === '1') writeFileSync(path, configMap())
  const text = readFileSync(path, 'utf8')
  expect(text).toBe(configMap())
  const customizations = parse(parse(text).data['resource.customizations'])
  expect(customizations['moorage.dev/*']['health.lua']).toBe(lua)
})

test('health.lua speaks of kinds that there are', () => {
  const kinds = new Set(ourKinds().map(({ kind }) => kind as string))
  expect([...new Set(lua.match(/MicroVM\w*/g))].filter((word) => !kinds.has(word))).toEqual([])
})
