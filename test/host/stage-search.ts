import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { filesBelow } from './stage-picture.ts'

/** Bytes of one file that are looked through; disks of guests are sparse and larger. */
const most = 64 << 20

/** A value as it may be written somewhere: as it is, in base64 as credentials travel, in hex, in JSON. */
export function formsOf(value: Buffer): readonly Buffer[] {
  const text = value.toString('utf8')
  const forms = [value, Buffer.from(value.toString('base64').replace(/=+$/, '')), Buffer.from(value.toString('hex'))]
  return [...forms, Buffer.from(JSON.stringify(text).slice(1, -1)), Buffer.from(encodeURIComponent(text))]
}

/** Which of these texts hold one of the values, by name. */
export function textsWith(values: readonly Buffer[], texts: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(texts).flatMap(([name, text]) => (holds(values, Buffer.from(text)) ? [name] : []))
}

/** Files below a folder that hold one of the values; paths as `filesBelow` gives them, with mode and owner. */
export function filesWith(values: readonly Buffer[], folder: string): readonly string[] {
  return filesBelow(folder).filter((line) => {
    const path = join(folder, line.split(' ')[0]!)
    const stat = lstatSync(path, { throwIfNoEntry: false })
    return stat?.isFile() === true && stat.size <= most && holds(values, readFileSync(path))
  })
}

/** Processes that show one of the values to somebody: `pid name: cmdline` or `environ`. */
export function processesWith(values: readonly Buffer[]): readonly string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .flatMap((pid) =>
      ['cmdline', 'environ', 'comm'].flatMap((name) => {
        try {
          statSync(`/proc/${pid}`)
          return holds(values, readFileSync(`/proc/${pid}/${name}`)) ? [`${pid}: ${name}`] : []
        } catch {
          return []
        }
      }),
    )
}

function holds(values: readonly Buffer[], bytes: Buffer): boolean {
  return values.some((value) => formsOf(value).some((form) => bytes.includes(form)))
}
