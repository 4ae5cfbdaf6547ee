import { type Fields, image, network, networked } from '../../host/stage-manifests.ts'
import type { Stage } from '../stage.ts'
import { enough } from './drill.ts'

/** Names of the VMs of a whole fleet. */
export const five = ['a', 'b', 'c', 'd', 'e'] as const

/** One of the five on network `n1`, each with an address of its own. */
export function plain(name: string, spec: Fields = {}): Fields {
  return networked(name, 'n1', 10 + five.indexOf(name as (typeof five)[number]), spec)
}

/** All five run. */
export async function fleet(stage: Stage): Promise<void> {
  stage.write('base.yaml', image('small'), network('n1'))
  for (const name of five) stage.write(`${name}.yaml`, plain(name))
  await stage.start()
  await stage.pass(enough)
  stage.mustRun(...five)
}

/** `a` and `b`, and so much time for them. */
export async function pair(stage: Stage, milliseconds = enough): Promise<void> {
  stage.write('base.yaml', image('small'), network('n1'))
  for (const name of ['a', 'b']) stage.write(`${name}.yaml`, plain(name))
  await stage.start()
  await stage.pass(milliseconds)
}
