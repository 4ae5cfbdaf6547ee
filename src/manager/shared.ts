import { type Condition, type NewCondition, setCondition } from '../api/conditions.ts'
import { countIn } from '../api/loose.ts'
import { mapsIn } from '../api/rule.ts'
import type { Image, Shared } from './cluster.ts'
import { type Draft, versionOf, writeId } from './draft.ts'

/**
 * Says of networks, images and shares, which belong to no one host, what is known of them: tools that wait for Ready wait
 * for these, too.
 */
export function tellShared(draft: Draft): void {
  const { networks, images, shares } = draft.cluster
  for (const network of networks) tell(draft, network, asWanted('VMs of the cluster may use it'))
  for (const image of images) tell(draft, image, imageReady(draft, image))
  for (const share of shares) tell(draft, share, asWanted('hosts that have its folder may share it'))
}

function asWanted(message: string): NewCondition {
  return { type: 'Ready', status: 'True', reason: 'AsWanted', message }
}

function imageReady({ cluster }: Draft, { ref, unsealed }: Image): NewCondition {
  const no = (reason: string, message: string) => ({ type: 'Ready', status: 'False' as const, reason, message })
  if (unsealed.length > 0) return no('Unsealed', `in a cluster each file needs a sha256: ${unsealed.join(', ')}`)
  const said = cluster.hosts.map(({ ref: host, images }) => ({ host: host.name, image: images.get(ref.name) }))
  const usable = said.filter(({ image }) => image?.usable).length
  if (usable > 0) return { ...asWanted(`${usable} of ${said.length} hosts have it`) }
  const why = said.map(({ host, image }) => `${host}: ${image?.message || 'not looked at yet'}`)
  return no('OnNoHost', why.length === 0 ? 'there is no host yet' : why.slice(0, 10).join('; '))
}

function tell(draft: Draft, object: Shared, ready: NewCondition): void {
  const { generation: observedGeneration, status } = object
  const before = mapsIn(status, 'conditions').filter(({ type }) => type === 'Ready') as unknown as readonly Condition[]
  const conditions = setCondition(before, { ...ready, observedGeneration }, new Date(draft.now).toISOString())
  if (conditions === before && countIn(status, 'observedGeneration') === observedGeneration) return
  draft.writes.push({
    ...{ id: writeId('status', object.ref), ref: object.ref, on: versionOf(object), after: [], event: null },
    do: 'status',
    status: { observedGeneration, conditions },
    because: ready.message,
  })
}
