import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { restingKernel } from '../bench/guest.ts'
import type { Stage } from '../host/stage.ts'
import { type Fields, networked } from '../host/stage-manifests.ts'

/** An image as a cluster needs it, with the digests of its files on this host: they have to be the same on every one. */
export function digested(stage: Stage, image: Fields): Fields {
  const { spec, ...rest } = image as { spec: { source: { hostPath: Record<string, { path: string }> } } }
  const hostPath = Object.fromEntries(
    Object.entries(spec.source.hostPath).map(([name, { path }]) => {
      const sha256 = createHash('sha256')
        .update(readFileSync(join(stage.root, path)))
        .digest('hex')
      return [name, { path, sha256 }]
    }),
  )
  return { ...rest, spec: { ...spec, source: { hostPath } } }
}

const kernel = '/var/lib/moorage/images/rest/vmlinuz'

/** Puts the guest of image `rest` on a host: one that halts at once and for ever, so that many of it cost no processor. */
export function putRest({ root }: Stage): void {
  mkdirSync(dirname(join(root, kernel)), { recursive: true })
  writeFileSync(join(root, kernel), restingKernel())
}

/** Image `rest`; see {@link putRest}. */
export function restImage(stage: Stage): Fields {
  const spec = { architecture: 'amd64', source: { hostPath: { kernel: { path: kernel } } } }
  return digested(stage, { apiVersion: 'moorage.dev/v1alpha1', kind: 'MicroVMImage', metadata: { name: 'rest' }, spec })
}

/** A VM of image `rest` on a network, which is ready once its VMM runs. A stop kills at once: the guest hears nothing. */
export function restingVm(name: string, net: string, spec: Fields = {}): Fields {
  return networked(name, net, null, {
    qemu: { machine: 'microvm', accel: 'tcg' },
    memory: '16Mi',
    image: { name: 'rest' },
    terminationGracePeriodSeconds: 0,
    readiness: undefined,
    ...spec,
  })
}
