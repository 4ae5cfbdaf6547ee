import { stringify } from 'yaml'
import { crdOf } from './crd.ts'
import { type Kind, ourKinds } from './kinds.ts'
import { GROUP } from './meta.ts'

const HEAD = '# Generated from src/api; do not edit.\n'

/** The text of every CRD by the name of its file, in the folder crds/. */
export function renderCrds(): ReadonlyMap<string, string> {
  return new Map(ourKinds().map((kind) => [`${GROUP}_${kind.plural}.yaml`, renderCrd(kind)]))
}

/** A kustomization of all of them. Of its three names, this is the one that `kubectl apply -f crds/` leaves alone. */
export const kustomizationFile = 'Kustomization'

/** The text of that file. */
export function renderKustomization(): string {
  const head = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization' }
  return HEAD + stringify({ ...head, resources: [...renderCrds().keys()].sort() })
}

/** The CRD of a kind as YAML that versions 1.1 (kubectl) and 1.2 read the same. */
export function renderCrd(kind: Kind): string {
  const options = { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false } as const
  return HEAD + stringify(crdOf(kind), options)
}
