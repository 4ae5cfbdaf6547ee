import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { TestProject } from 'vitest/node'
import { ensureKubernetes } from '../setup/kubernetes-tools.mjs'
import { startControlPlane } from './control-plane.mjs'

declare module 'vitest' {
  interface ProvidedContext {
    /** Of somebody who may do everything; null: there is no control plane, and `kubernetesProblem` says why. */
    readonly kubeconfig: string | null
    readonly kubernetesProblem: string | null
    readonly kubectl: string
  }
}

/** Starts one control plane for the whole suite, with the CRDs. Where it cannot be had, the suite is skipped; with CI=true it fails. */
export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const tools = await ensureKubernetes().catch((error: Error) => {
    if (process.env.CI === 'true') throw error
    console.log(`the suite kubernetes is skipped: ${error.message}`)
    project.provide('kubernetesProblem', error.message)
    project.provide('kubeconfig', null)
    project.provide('kubectl', '')
    return null
  })
  if (tools === null) return undefined
  const folder = mkdtempSync(join(tmpdir(), 'moorage-kubernetes-'))
  const plane = await startControlPlane(tools, join(folder, 'plane'))
  const kubectl = (...args: string[]) => promisify(execFile)(tools.kubectl, ['--kubeconfig', plane.kubeconfig, ...args])
  const crds = join(import.meta.dirname, '../../crds')
  await kubectl('apply', '-f', crds)
  await kubectl('wait', '--for=condition=Established', '--timeout=60s', '-f', crds)
  project.provide('kubernetesProblem', null)
  project.provide('kubeconfig', plane.kubeconfig)
  project.provide('kubectl', tools.kubectl)
  return async () => {
    await plane.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}
