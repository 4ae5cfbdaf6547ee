import { placeFiles } from '../../hypervisor/driver.ts'

/** The runtime folder of one machine, `/run/moorage/vms/<id>/`: 0710, of root and the group of its VM. */
export interface Runtime {
  readonly directory: string
  /** What was started here, see `record.ts`; root's. */
  readonly record: string
  /** Listening sockets that the VMM inherits; root's. The life socket is never accepted on. */
  readonly qmp: string
  readonly consoleSocket: string
  readonly life: string
  /** What the guest wrote to its console, and what was cut off before; the VM's and root's. */
  readonly console: string
  readonly consoleBefore: string
  /** The VMM's events, the VM's; and what came of those that were cut off, root's. */
  readonly journal: string
  readonly journalBefore: string
  /** stdout and stderr of the VMM; root's. */
  readonly output: string
  /** Stands there while the guest is ready, and holds what it was asked; see `probe.ts`. */
  readonly ready: string
}

/** Stands there from the first command that unplugs a NIC until it is plugged in again. */
export function unpluggedMark({ directory }: Runtime, nic: string): string {
  return `${directory}/unplugged-${nic}`
}

/** The folders that hold all machines. */
export interface RuntimeFolders {
  readonly run: string
  readonly vms: string
  readonly byName: string
  readonly ended: string
}

export function foldersOf(run: string): RuntimeFolders {
  return { run, vms: `${run}/vms`, byName: `${run}/by-name`, ended: `${run}/ended` }
}

export function runtimeOf(run: string, id: string): Runtime {
  return runtimeAt(`${foldersOf(run).vms}/${id}`)
}

export const draftPrefix = '.new-'

/** A folder that is being made; it gets its name when it is whole. */
export function unfinished(run: string, id: string): Runtime {
  return runtimeAt(`${foldersOf(run).vms}/${draftPrefix}${id}`)
}

/** `by-name/<namespace>.<name>`, a link for people. */
export function nameLink(run: string, name: string): string {
  return `${foldersOf(run).byName}/${name}`
}

/** What the last incarnation wrote to its console at the end; root's. It goes on as the next one's `consoleBefore`. */
export function endedConsole(run: string, id: string): string {
  return `${foldersOf(run).ended}/${id}.log`
}

/** Name of the folder: the first 10 hex digits of the object's uid. */
export function idOf(uid: string): string {
  return uid.replaceAll('-', '').slice(0, 10)
}

function runtimeAt(directory: string): Runtime {
  return {
    directory,
    record: `${directory}/machine.json`,
    qmp: `${directory}/qmp.sock`,
    consoleSocket: `${directory}/console.sock`,
    life: `${directory}/life.sock`,
    console: `${directory}/${placeFiles.console}`,
    consoleBefore: `${directory}/${placeFiles.console}.1`,
    journal: `${directory}/${placeFiles.journal}`,
    journalBefore: `${directory}/${placeFiles.journal}.before`,
    output: `${directory}/vmm.log`,
    ready: `${directory}/ready`,
  }
}
