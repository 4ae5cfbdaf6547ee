import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { openStage, type Stage } from '../host/stage.ts'
import { type Foreign, placeForeign } from './foreign.ts'
import { type Volumes, watchVolumes } from './volumes.ts'
import { baseManifest, secretFile, secretManifest, secrets, secretValue, vmManifest, type Wish } from './wish.ts'
import { type Witness, watchVmms } from './witness.ts'

/** A stage with a wish on it, and those who watch it. */
export interface Scene {
  readonly stage: Stage
  readonly seed: number
  readonly witness: Witness
  readonly volumes: Volumes
  readonly foreign: Foreign
  /** A new content of the credential file, whole. */
  writeSecretFile(value: string): void
  close(): Promise<void>
}

/** Nothing runs yet: the controller finds it all. */
export async function openScene(seed: number, wish: Wish): Promise<Scene> {
  const stage = await openStage({ args: ['--log-level', 'debug'] })
  const writeSecretFile = (value: string) => replaceSecret(stage, value)
  writeSecretFile(secretValue(seed, 'f1', 1))
  stage.write('base.yaml', baseManifest())
  for (const name of secrets) stage.write(`${name}.yaml`, secretManifest(seed, wish, name))
  for (const vm of Object.values(wish.vms)) stage.write(`${vm.name}.yaml`, vmManifest(vm))
  const foreign = await placeForeign(stage)
  const witness = watchVmms([stage])
  return {
    stage,
    seed,
    witness,
    volumes: watchVolumes(stage),
    foreign,
    writeSecretFile,
    async close() {
      witness.stop()
      foreign.end()
      await stage.close()
    },
  }
}

function replaceSecret({ root }: Stage, value: string): void {
  const path = `${root}${secretFile}`
  mkdirSync(dirname(path), { recursive: true })
  chmodSync(dirname(path), 0o700)
  writeFileSync(`${path}.new`, value, { mode: 0o400 })
  renameSync(`${path}.new`, path)
}
