import type { Controller } from '../controller/controller.ts'
import type { Accepted } from '../source/source.ts'
import type { Stop } from '../world/watch.ts'

/**
 * Everything that wakes the loop from outside: manifests, links, rules, files of credentials. Each listens before this
 * resolves, so that nothing happens unseen between the first look and them. VMMs and the resync interval wake it by
 * themselves.
 */
export async function startMonitors(controller: Controller): Promise<Stop> {
  const { world, from, paths } = controller.options
  const wake = (why: string) => () => controller.wakeups.wake(why)
  const stops = await Promise.all([
    'manifests' in from ? world.watch.directory(from.manifests, wake('manifests')) : () => {},
    world.watch.links(wake('links')),
    world.watch.rules(wake('rules')),
  ])
  const files = new Map<string, Promise<Stop>>()
  const drop = (path: string) => {
    void files.get(path)?.then((stop) => stop())
    files.delete(path)
  }
  const stopPass = controller.onPass(() => {
    const wanted = credentialFiles(controller.last?.source.objects ?? [], paths.root)
    for (const path of files.keys()) if (!wanted.has(path)) drop(path)
    for (const path of wanted) {
      if (files.has(path)) continue
      const armed = world.watch.file(path, wake('credentials'))
      files.set(path, armed)
      // What changed between the look that named the file and the watch on it.
      armed.then(wake('credentials'), () => files.delete(path))
    }
  })
  return () => {
    stopPass()
    for (const stop of stops) stop()
    for (const path of files.keys()) drop(path)
  }
}

/** The files that credentials of VMs come from, as paths on this host. */
export function credentialFiles(objects: readonly Accepted[], root: string): ReadonlySet<string> {
  const paths = objects.flatMap(({ object, deletion }) => {
    if (object.kind !== 'MicroVM' || deletion !== null) return []
    return (object.spec.credentials?.items ?? []).flatMap(({ source }) => source.file?.path ?? [])
  })
  return new Set(paths.map((path) => `${root}${path}`))
}
