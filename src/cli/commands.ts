import type { Page } from './page.ts'

/** A command before its page is loaded: enough for a list of all of them. */
export interface Entry {
  readonly name: string
  readonly summary: string
  readonly load: () => Promise<Page>
}

/** Every command, in the order in which people meet them. Each page is loaded when it is needed. */
export const entries: readonly Entry[] = [
  {
    name: 'run',
    summary: 'run the controller of this root',
    load: async () => (await import('./run.ts')).run,
  },
  {
    name: 'manage',
    summary: 'run the manager of a cluster, which binds VMs to hosts',
    load: async () => (await import('./manage.ts')).manage,
  },
  {
    name: 'plan',
    summary: 'show what the controller would do now; exits 0 for nothing, 2 for changes, 1 for an error',
    load: async () => (await import('./plan.ts')).plan,
  },
  {
    name: 'validate',
    summary: 'check manifests; needs no root and no controller',
    load: async () => (await import('./validate.ts')).validate,
  },
  {
    name: 'get',
    summary: 'list objects with their status',
    load: async () => (await import('./get.ts')).get,
  },
  {
    name: 'describe',
    summary: 'show one object with conditions, events and what to try next',
    load: async () => (await import('./describe.ts')).describe,
  },
  {
    name: 'apply',
    summary: 'put objects into the desired state that no manifest holds',
    load: async () => (await import('./apply.ts')).apply,
  },
  {
    name: 'delete',
    summary: 'delete applied objects, or confirm a deletion that is held',
    load: async () => (await import('./delete.ts')).remove,
  },
  {
    name: 'start',
    summary: 'start a MicroVM whose runStrategy leaves that to you',
    load: async () => (await import('./start.ts')).start,
  },
  {
    name: 'stop',
    summary: 'stop a MicroVM whose runStrategy leaves that to you',
    load: async () => (await import('./stop.ts')).stop,
  },
  {
    name: 'restart',
    summary: 'stop a MicroVM and start it again',
    load: async () => (await import('./restart.ts')).restart,
  },
  {
    name: 'wait',
    summary: 'wait until a condition holds, or until objects are gone',
    load: async () => (await import('./wait.ts')).wait,
  },
  {
    name: 'logs',
    summary: 'print what a guest wrote to its console',
    load: async () => (await import('./logs.ts')).logs,
  },
  {
    name: 'console',
    summary: 'attach to the serial console of a MicroVM; ~. detaches',
    load: async () => (await import('./console.ts')).attach,
  },
  {
    name: 'doctor',
    summary: 'tell what this host can and cannot do',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  {
    name: 'crds',
    summary: 'print or write the CustomResourceDefinitions',
    load: async () => (await import('./crds.ts')).crds,
  },
  {
    name: 'schema',
    summary: 'print the JSON Schema of a kind, for editors',
    load: async () => (await import('./schema.ts')).schema,
  },
  {
    name: 'completion',
    summary: 'print a script that completes commands, kinds and names in your shell',
    load: async () => (await import('./completion.ts')).completion,
  },
]
