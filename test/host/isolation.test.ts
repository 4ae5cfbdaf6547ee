import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { needsStage } from './stage-guest.ts'
import { image, network, networked, yaml } from './stage-manifests.ts'
import { openStage, type Stage } from './stage.ts'

let stage: Stage
beforeEach(needsStage as never)
beforeAll(async () => {
  stage = await openStage({args: ['--log-level','debug']})
  await stage.start()
  console.log('written at', new Date().toISOString())
  stage.write('all.yaml', yaml(image('small'), network('n1'), network('n2')))
  await new Promise(r=>setTimeout(r,7000))
  console.log('written at', new Date().toISOString())
  stage.write('all.yaml', yaml(image('small'), network('n1'), network('n3')))
  await new Promise(r=>setTimeout(r,3000))
})
afterAll(() => stage?.close())
test('x', async () => {
  console.log(stage.log())
})
