import { bytesIn, countIn, memberOf, nameIn, textIn, textMapIn } from '../api/loose.ts'
import { isMap, mapsIn } from '../api/rule.ts'
import { secretNamesIn } from '../api/secret-names.ts'
import { tenantWishOf } from '../resolve/tenant.ts'
import type { Machine } from './cluster.ts'
import type { Readable } from './read.ts'

/** A MicroVM: one whose spec cannot be read keeps what it was given. */
export function readMachine({ meta, spec, status }: Readable): Machine {
  const placement = memberOf(spec, 'placement')
  const disks = mapsIn(spec, 'disks')
  const hypervisor = textIn(spec, 'hypervisor') ?? 'qemu'
  const node = textIn(status, 'nodeName')
  const epoch = countIn(status, 'bindingEpoch') ?? 0
  const restart = memberOf(status, 'restart')
  return {
    ...meta,
    fault: faultOf(spec),
    vcpu: countIn(spec, 'vcpu') ?? 0,
    memory: bytesIn(spec, 'memory') ?? 0,
    ephemeral: disks.reduce((sum, { ephemeral }) => sum + (bytesIn(ephemeral, 'size') ?? 0), 0),
    hypervisor,
    accel: hypervisor === 'qemu' ? (textIn(memberOf(spec, 'qemu'), 'accel') ?? 'auto') : 'auto',
    image: nameIn(memberOf(spec, 'image')),
    pin: textIn(placement, 'nodeName') ?? null,
    nodeSelector: textMapIn(placement, 'nodeSelector'),
    runs: textIn(spec, 'runStrategy') !== 'Halted',
    interfaces: mapsIn(spec, 'interfaces').map((each) => ({
      name: textIn(each, 'name') ?? '',
      network: nameIn(each.network),
      address: textIn(each, 'address') ?? null,
    })),
    states: [...new Set(disks.map(({ state }) => nameIn(state)).filter((name) => name !== ''))],
    templates: templatesOf(spec),
    secrets: [...secretNamesIn(spec)].sort(),
    claims: claimsOf(spec),
    wish: tenantWishOf(spec),
    bound: node === undefined ? null : { node, epoch },
    epoch,
    addresses: addressesIn(
      mapsIn(status, 'interfaces').map((each) => [each.name, mapsIn(each, 'addresses')[0]?.address]),
    ),
    phase: textIn(status, 'phase') ?? null,
    observedGeneration: countIn(status, 'observedGeneration') ?? null,
    rollout: textIn(status, 'rollout') ?? null,
    restart: { wanted: textIn(restart, 'wanted') ?? null, granted: textIn(restart, 'granted') ?? null },
  }
}

/** Pairs of the name of an interface and its address; what is no text is left out. */
export function addressesIn(pairs: readonly (readonly [unknown, unknown])[]): ReadonlyMap<string, string> {
  return new Map(
    pairs.filter(
      (pair): pair is [string, string] => typeof pair[0] === 'string' && typeof pair[1] === 'string' && pair[1] !== '',
    ),
  )
}

function faultOf(spec: unknown): string | null {
  if (!isMap(spec)) return 'it has no spec'
  if (!countIn(spec, 'vcpu')) return 'spec.vcpu is no number of processors'
  if (!bytesIn(spec, 'memory')) return 'spec.memory is no amount of bytes'
  if (nameIn(spec.image) === '') return 'spec.image names no MicroVMImage'
  const nameless = mapsIn(spec, 'interfaces').some((each) => !textIn(each, 'name') || nameIn(each.network) === '')
  if (nameless) return 'an interface has no name, or names no MicroVMNetwork'
  const sizeless = mapsIn(spec, 'disks').some(
    ({ ephemeral }) => ephemeral !== undefined && bytesIn(ephemeral, 'size') === undefined,
  )
  return sizeless ? 'the size of an ephemeral disk is no amount of bytes' : null
}

function templatesOf(spec: unknown): Machine['templates'] {
  return mapsIn(spec, 'stateTemplates').flatMap((template) => {
    const disk = mapsIn(spec, 'disks').find(({ name }) => name === template.disk)
    const state = nameIn(disk?.state)
    return state === '' || !isMap(template.spec) ? [] : [{ state, spec: template.spec }]
  })
}

function claimsOf(spec: unknown): string[] {
  const cid = countIn(memberOf(spec, 'vsock'), 'cid')
  const links = mapsIn(spec, 'interfaces').flatMap((each) => {
    const [tap, mac] = [textIn(each, 'tap'), textIn(each, 'mac')]
    return [...(tap === undefined ? [] : [`TAP ${tap}`]), ...(mac === undefined ? [] : [`MAC ${mac.toLowerCase()}`])]
  })
  return cid === undefined ? links : [...links, `CID ${cid}`]
}
