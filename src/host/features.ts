import type { HostFeatures, Program } from '../hypervisor/driver.ts'
import type { Files } from '../world/files.ts'
import type { World } from '../world/world.ts'
import { type ProbePlace, probeKvm } from './kvm.ts'

/** Every program that a driver asks for. */
const wanted = ['qemu-system-x86_64'] as const

/** Where they are looked for. */
const folders = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/libexec', '/run/current-system/sw/bin']

/** What this host can do: looked at once, tried where looking is not enough. Takes two seconds at most. */
export async function hostFeatures(world: World, place: ProbePlace, signal: AbortSignal): Promise<HostFeatures> {
  const found = await Promise.all(wanted.map(async (name) => [name, await findProgram(world, name, signal)] as const))
  const programs: Record<string, Program | null> = Object.fromEntries(found)
  const tscKhz = await readTscKhz(world.files)
  return {
    architecture: await readArchitecture(world, signal),
    programs,
    kvm: await probeKvm(world, programs['qemu-system-x86_64']?.path ?? null, place, signal),
    ...(tscKhz === null ? {} : { tscKhz }),
  }
}

async function readArchitecture({ process }: World, signal: AbortSignal): Promise<HostFeatures['architecture']> {
  const machine = (await process.run({ argv: ['uname', '-m'], timeout: 5000 }, signal)).stdout.trim()
  if (machine === 'x86_64') return 'amd64'
  if (machine === 'aarch64') return 'arm64'
  throw new Error(`this host is ${machine}; Moorage runs on x86_64 and aarch64`)
}

async function findProgram(world: World, name: string, signal: AbortSignal): Promise<Program | null> {
  for (const folder of folders) {
    const path = `${folder}/${name}`
    const stat = await world.files.statFollowing(path)
    if (stat?.type !== 'file' || (stat.mode & 0o111) === 0) continue
    const { code, stdout } = await world.process.run({ argv: [path, '--version'], timeout: 10_000 }, signal)
    const version = /version (\d+(?:\.\d+)*)/.exec(stdout)?.[1]
    if (code === 0 && version) return { path: await realPath(world.files, path), version }
  }
  return null
}

/** Links in a chain before we give up, as in the kernel. */
const mostLinks = 40

/** A path without symbolic links, as `/proc/PID/exe` will show it. */
async function realPath(files: Files, path: string): Promise<string> {
  let rest = path.split('/').filter((part) => part !== '')
  let real = ''
  for (let links = 0; rest.length > 0; ) {
    const [part = '', ...after] = rest
    rest = after
    if (part === '.') continue
    if (part === '..') {
      real = real.slice(0, Math.max(0, real.lastIndexOf('/')))
      continue
    }
    const target = await files.readLink(`${real}/${part}`)
    if (target === null) {
      real = `${real}/${part}`
      continue
    }
    links += 1
    if (links > mostLinks) throw new Error(`${path} leads through more than ${mostLinks} symbolic links`)
    rest = [...target.split('/').filter((one) => one !== ''), ...rest]
    if (target.startsWith('/')) real = ''
  }
  return real
}

/**
 * kHz of the time stamp counter. Where the frequency varies it is the nominal one; a virtual machine has no cpufreq and
 * shows the right one in /proc/cpuinfo. Null when nobody says.
 */
async function readTscKhz(files: Files): Promise<number | null> {
  const cpu = '/sys/devices/system/cpu/cpu0'
  if (await files.stat(`${cpu}/cpufreq`)) {
    const base = await readNumber(files, `${cpu}/cpufreq/base_frequency`)
    const nominal = await readNumber(files, `${cpu}/acpi_cppc/nominal_freq`)
    return base ?? (nominal === null ? null : nominal * 1000)
  }
  const text = new TextDecoder().decode(await files.read('/proc/cpuinfo', 16 << 20))
  const mhz = Number(/^cpu MHz\s*: (\d+(?:\.\d+)?)$/m.exec(text)?.[1])
  return mhz > 0 ? Math.round(mhz * 1000) : null
}

async function readNumber(files: Files, path: string): Promise<number | null> {
  if ((await files.stat(path)) === null) return null
  const number = Number(new TextDecoder().decode(await files.read(path, 4096)))
  return number > 0 ? number : null
}
