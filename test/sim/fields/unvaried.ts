/** Fields of which no valid value is tried, each with the reason. */
const reasons: readonly [RegExp, string][] = [
  [/^\w+\.(apiVersion|kind)$|^MicroVMImage\.spec\.source\.hostPath\.root\.format$/, 'it has one value'],
  [
    /\.metadata\.(uid|generation|creationTimestamp|deletionTimestamp|deletionGracePeriodSeconds|resourceVersion|finalizers|ownerReferences|managedFields|selfLink|generateName)\b/,
    'it is taken out of a manifest before anybody reads it (test/api/manifest.test.ts)',
  ],
]

/** Why a field is not varied; null when it is. */
export function unvaried(path: string): string | null {
  return reasons.find(([pattern]) => pattern.test(path))?.[1] ?? null
}
