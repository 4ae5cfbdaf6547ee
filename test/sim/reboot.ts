import { paths, type SimHost } from './host.ts'

/** A host goes down and comes up without its controller; `/run` is empty after it. `hard`: what was not synced is lost, too. */
export function reboot(host: SimHost, hard: boolean): void {
  const { files, net, process } = host
  host.kill()
  process.reboot()
  if (hard) files.losePower()
  files.unlink('/run')
  for (const folder of [paths.run, '/run/secrets']) files.folder(folder)
  for (const { name, kind } of net.links()) if (kind !== 'loopback' && name !== 'lo') net.deleteLink(name)
  net.flushRuleset()
  net.setForwarding(false)
}
