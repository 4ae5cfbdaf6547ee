import type { Boot } from '../host-state.ts'
import type { CredentialFile } from './driver.ts'

/**
 * systemd before 257 reads the first 4096 bytes of all OEM strings together and drops the rest in silence; the table's
 * header and the NUL behind each of up to 64 strings come out of the difference.
 */
const mostSmbios = 4000

/** SMBIOS 2.1 tables have 16 bits for their length; QEMU's own take a few kilobytes. */
const mostOemStrings = 60_000

/** systemd takes 1 MiB of credentials in all. */
const mostFwCfg = 1 << 20

const fwCfgFolder = 'opt/io.systemd.credentials/'

/** Characters of a credential's name: QEMU takes 55 for the whole name (FW_CFG_MAX_FILE_PATH less its NUL). */
const longestFwCfgName = 55 - fwCfgFolder.length

/** How a VM's values reach its guest: as files that argv only names. */
export interface CredentialPlan {
  readonly transport: 'smbios' | 'fw_cfg'
  readonly argv: readonly string[]
  readonly files: readonly CredentialFile[]
}

/** SMBIOS where every systemd reads it whole, else fw_cfg. OEM strings of the user's own are SMBIOS in any case. */
export function planCredentials(boot: Boot, directory: string): CredentialPlan {
  const transport = transportOf(boot)
  const oem = boot.oemStrings.map(
    (_, index): CredentialFile => ({ file: `oem-${index}`, of: { oemString: index }, ...raw }),
  )
  const files = boot.credentials.map(({ name }, index): CredentialFile => {
    const file = `credential-${index}`
    const of = { credential: index }
    return transport === 'smbios' ? { file, of, prefix: smbiosPrefix(name), encoding: 'base64' } : { file, of, ...raw }
  })
  const smbios = transport === 'smbios' ? [...oem, ...files] : oem
  const argv = smbios.flatMap(({ file }) => ['-smbios', `type=11,path=${doubleCommas(`${directory}/${file}`)}`])
  if (transport === 'smbios' || files.length === 0) return { transport, argv, files: [...oem, ...files] }
  const fwCfg = boot.credentials.flatMap(({ name }, index) => [
    '-fw_cfg',
    `name=${fwCfgFolder}${name},file=${doubleCommas(`${directory}/credential-${index}`)}`,
  ])
  // QEMU has room for 32 files, firmware's included, and aborts on more.
  return { transport, argv: [...argv, '-global', 'fw_cfg_io.x-file-slots=128', ...fwCfg], files: [...oem, ...files] }
}

const raw = { prefix: '', encoding: 'raw' } as const

/** Why the values cannot reach the guest, each in a sentence. */
export function refuseCredentials(boot: Boot): string[] {
  const refusals: string[] = []
  if (boot.qemu.machine === 'microvm' && boot.oemStrings.length > 0) {
    refusals.push('qemu machine microvm has no SMBIOS and drops oemStrings; use machine q35, or credentials')
  }
  const empty = boot.oemStrings.indexOf('')
  if (empty >= 0) refusals.push(`oemStrings[${empty}] is empty, which ends an SMBIOS table early; remove it`)
  const size = oemSize(boot)
  if (size > mostOemStrings) {
    refusals.push(`oemStrings have ${size} bytes, and SMBIOS holds ${mostOemStrings}; shorten them, or use credentials`)
  }
  if (transportOf(boot) === 'fw_cfg') refusals.push(...refuseFwCfg(boot))
  return refusals
}

function refuseFwCfg(boot: Boot): string[] {
  const why =
    boot.qemu.machine === 'microvm'
      ? 'qemu machine microvm'
      : `credentials of more than ${mostSmbios} bytes in all (these have ${oemSize(boot) + smbiosSize(boot)} as SMBIOS strings)`
  const refusals = boot.credentials
    .filter(({ name }) => name.length > longestFwCfgName)
    .map(
      ({ name }) =>
        `credential ${name} has a name of ${name.length} characters, and ${why} take names of at most ${longestFwCfgName}; shorten it`,
    )
  const total = boot.credentials.reduce((sum, { length }) => sum + length, 0)
  if (total > mostFwCfg) {
    refusals.push(`the credentials have ${total} bytes, and systemd takes ${mostFwCfg} in all; make them smaller`)
  }
  return refusals
}

function transportOf(boot: Boot): CredentialPlan['transport'] {
  if (boot.qemu.machine === 'microvm') return 'fw_cfg'
  return oemSize(boot) + smbiosSize(boot) > mostSmbios ? 'fw_cfg' : 'smbios'
}

/** Bytes of the user's own strings. */
function oemSize({ oemStrings }: Boot): number {
  return oemStrings.reduce((sum, string) => sum + new TextEncoder().encode(string).length, 0)
}

/** Bytes that the credentials take as SMBIOS strings. */
function smbiosSize({ credentials }: Boot): number {
  return credentials.reduce((sum, { name, length }) => sum + smbiosPrefix(name).length + Math.ceil(length / 3) * 4, 0)
}

/** systemd.system-credentials(7); base64, so that no byte of a value means anything on the way. */
function smbiosPrefix(name: string): string {
  return `io.systemd.credential.binary:${name}=`
}

/** QEMU's option parser splits at commas; a doubled one is one. */
export function doubleCommas(value: string): string {
  return value.replaceAll(',', ',,')
}
