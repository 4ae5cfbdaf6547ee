import { parseIpv4, parseSubnet } from '../api/address.ts'
import { bytesIn, countIn, memberOf, nameIn, textIn, textMapIn } from '../api/loose.ts'
import { isMap, mapsIn } from '../api/rule.ts'
import { tenantAllowanceOf } from '../resolve/tenant.ts'
import type { AddressRange, Grant, Image, Network, Operation, Rollout, State, Tenant, Volume } from './cluster.ts'
import type { Readable } from './read.ts'

export function readState({ meta, spec, status }: Readable): State | string {
  const size = bytesIn(spec, 'size')
  if (size === undefined) return 'spec.size is no amount of bytes, so it is bound to no host'
  return {
    ...meta,
    size: Math.max(size, bytesIn(status, 'capacity') ?? 0),
    adopts: textIn(memberOf(spec, 'source'), 'volume') ?? null,
    node: textIn(status, 'nodeName') ?? null,
    epoch: countIn(status, 'bindingEpoch') ?? 0,
  }
}

export function readNetwork({ meta, spec, status }: Readable): Network | string {
  const subnet = parseSubnet(textIn(spec, 'subnet') ?? '')
  if (subnet === undefined) return 'spec.subnet is no IPv4 subnet, so it gives no addresses'
  const { first, last } = subnet
  const gateway = textIn(spec, 'gateway')
  const parsed = gateway === undefined ? first + 1 : parseIpv4(gateway)
  if (parsed === undefined) return 'spec.gateway is no IPv4 address, so it gives no addresses'
  return { ...meta, status, first, last, gateway: parsed }
}

export function readImage({ meta, spec, status }: Readable): Image | string {
  const architecture = textIn(spec, 'architecture')
  if (architecture === undefined) return 'spec.architecture is missing, so nothing can boot it'
  const files = memberOf(memberOf(spec, 'source'), 'hostPath')
  const named = ['kernel', 'initrd', 'root'].filter((name) => memberOf(files, name) !== undefined)
  return {
    ...meta,
    status,
    architecture,
    unsealed: named.filter((name) => textIn(memberOf(files, name), 'sha256') === undefined),
  }
}

export function readTenant({ meta, spec, status }: Readable): Tenant {
  const quota = memberOf(spec, 'quota')
  const limit = (name: string, read: typeof countIn) => {
    if (memberOf(quota, name) === undefined) return Number.POSITIVE_INFINITY
    // A limit that cannot be read is no licence.
    return read(quota, name) ?? 0
  }
  return {
    ...meta,
    allowed: tenantAllowanceOf(spec),
    ranges: new Map(
      mapsIn(spec, 'networks')
        .filter(({ ranges }) => ranges !== undefined)
        .map((each) => [textIn(each, 'name') ?? '', mapsIn(each, 'ranges').flatMap(rangeOf)]),
    ),
    quota: {
      microVMs: limit('microVMs', countIn),
      vcpu: limit('vcpu', countIn),
      memory: limit('memory', bytesIn),
      disk: limit('disk', bytesIn),
    },
    status,
  }
}

function rangeOf(range: Record<string, unknown>): AddressRange[] {
  const [first, last] = [parseIpv4(textIn(range, 'first') ?? ''), parseIpv4(textIn(range, 'last') ?? '')]
  return first === undefined || last === undefined ? [] : [{ first, last }]
}

export function readRollout({ meta, spec, status }: Readable): Rollout | string {
  const selector = memberOf(spec, 'selector')
  if (!isMap(memberOf(selector, 'matchLabels'))) return 'spec.selector.matchLabels is missing, so it selects nothing'
  return {
    ...meta,
    selector: textMapIn(selector, 'matchLabels'),
    maxUnavailable: countIn(spec, 'maxUnavailable') ?? 1,
    status,
  }
}

export function readOperation({ meta, spec, status }: Readable): Operation | string {
  const machine = nameIn(memberOf(spec, 'microVM'))
  const ttl = countIn(spec, 'ttlSeconds')
  if (machine === '' || ttl === undefined) return 'spec.microVM or spec.ttlSeconds is missing, so it is not carried out'
  return {
    ...meta,
    machine,
    machineUid: textIn(spec, 'uid') ?? null,
    ttl: ttl * 1000,
    node: textIn(status, 'nodeName') ?? null,
    finished: textIn(status, 'finishedAt') !== undefined,
  }
}

export function readVolume({ meta, spec, status }: Readable): Volume {
  const ref = memberOf(spec, 'stateRef')
  return {
    ...meta,
    state: { namespace: textIn(ref, 'namespace') ?? '', name: nameIn(ref), uid: textIn(ref, 'uid') ?? '' },
    node: textIn(status, 'nodeName') ?? null,
  }
}

export function readGrant({ meta, object }: Readable): Grant {
  const { metadata: _metadata, apiVersion: _version, kind: _kind, ...members } = object
  return { ...meta, members }
}
