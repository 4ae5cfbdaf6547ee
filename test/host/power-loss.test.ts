import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Files } from '../../src/world/files.ts'
import { Dice } from '../sim/random.ts'
import { needsNamespace } from './namespace.ts'
import { breaks } from './power-breaks.ts'
import { type Device, type FileSystem, fileSystems, needsDisk, openDevice } from './power-device.ts'
import type { Tale } from './power-facts.ts'
import { live } from './power-scenario.ts'
import { recover } from './power-view.ts'

/*
 * Power fails at each write that a file system sends to its disk, in two ways: everything up to that write is on the
 * disk; or, as a disk with a cache of its own may do it, any part of what came after the last flush is not.
 */

/** What power losses came to. */
interface Losses {
  readonly snapshots: number
  readonly told: number
  /** The first of what was wrong, with its moment. */
  readonly wrong: readonly string[]
}

/** Writes that were not flushed and that the disk has lost with its power: any of them. */
function lostAt(log: string, moment: number, dice: Dice): readonly number[] {
  const flushed = log.lastIndexOf('f', moment - 1)
  const open = Array.from({ length: moment - flushed - 1 }, (_, index) => flushed + 1 + index)
  return open.filter(() => dice.chance(0.5))
}

/** Lives, and loses power at each write; ends at the first thing wrong when `most` is 1. */
async function lose(fileSystem: FileSystem, bend: (files: Files) => Files, most: number): Promise<Losses> {
  const folder = mkdtempSync('/tmp/moorage-power-')
  const device = await openDevice(fileSystem, folder)
  try {
    const tale = await live(device, join(folder, 'manifests'), bend)
    // From here on everything is as it was, and nothing more is written down than what a crash would have found.
    const log = await device.log()
    device.unmount()
    return await eachLoss(device, tale, log, most)
  } finally {
    await device.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function eachLoss(device: Device, tale: Tale, log: string, most: number): Promise<Losses> {
  const dice = new Dice(1)
  const wrong: string[] = []
  let snapshots = 0
  for (let moment = 0; moment <= log.length && wrong.length < most; moment += 1) {
    // A flush changes nothing by itself; the end is a moment, too.
    if (log[moment - 1] === 'f' && moment < log.length) continue
    const lost = lostAt(log, moment, dice)
    for (const missing of lost.length === 0 ? [[]] : [[], lost]) {
      const found = await device.after(moment, missing, recover).catch((error: Error) => error)
      snapshots += 1
      const where = `after ${moment} of ${log.length} entries without ${missing.join() || 'none'}: `
      if (found instanceof Error) wrong.push(`${where}${found.message}`)
      else wrong.push(...[...found.torn, ...tale.wrong(found.facts, moment)].map((what) => where + what))
    }
  }
  return { snapshots, told: tale.size, wrong }
}

describe.each(fileSystems)('power fails on $name', (fileSystem) => {
  test('what was told is there, whole, after each write', async (context) => {
    needsNamespace(context, 'mounts file systems')
    needsDisk(context, fileSystem)
    const { snapshots, told, wrong } = await lose(fileSystem, (files) => files, 20)
    console.log(`${fileSystem.name}: ${snapshots} power losses, ${told} things told`)
    expect(wrong).toEqual([])
    expect(snapshots).toBeGreaterThan(100)
  })
})

describe.each(breaks)('with $name', ({ name, bend }) => {
  test('a power loss is seen on one file system at least', async (context) => {
    needsNamespace(context, 'mounts file systems')
    for (const fileSystem of fileSystems) needsDisk(context, fileSystem)
    const seen: string[] = []
    for (const fileSystem of fileSystems) {
      const { wrong } = await lose(fileSystem, bend, 1)
      console.log(`${name} on ${fileSystem.name}: ${wrong[0] ?? 'does not show'}`)
      if (wrong.length > 0) seen.push(fileSystem.name)
    }
    expect(seen).not.toEqual([])
  })
})
