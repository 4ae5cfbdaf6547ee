/**
 * What QEMU would make of an argv of ours, read independently of who wrote it: option by option, each value split at its
 * single commas (a doubled one is a comma). A user's text that got out of its place shows as a key that is not ours.
 */

/** Options whose value QEMU takes as it is. */
const whole = ['-kernel', '-initrd', '-append', '-uuid', '-display', '-cpu']

/** For each other option: keys that may stand in it, and words without a key. */
const keys: Readonly<Record<string, RegExp>> = {
  '-name': /^(guest|process|debug-threads)$/,
  '-sandbox': /^(on|obsolete|elevateprivileges|spawn|resourcecontrol)$/,
  '-machine': /^(q35|microvm|vmport|sata|smbus|dump-guest-core)$/,
  '-accel': /^(kvm|tcg|tb-size)$/,
  '-smp': /^cpus$/,
  '-m': /^size$/,
  '-action': /^(shutdown|reboot|panic)$/,
  '-chardev': /^(socket|pipe|id|fd|server|wait|path|logfile|logappend)$/,
  '-mon': /^(chardev|mode)$/,
  '-serial': /^chardev:console$/,
  '-blockdev': /^(driver|node-name|filename|locking|auto-read-only|read-only|discard|file)$/,
  '-netdev': /^(hubport|tap|id|hubid|netdev|ifname|script|downscript|vhost)$/,
  '-device':
    /^(pvpanic|virtio-[a-z]+-(pci|device)|id|drive|serial|netdev|mac|romfile|host_mtu|rng|bus|deflate-on-oom|free-page-reporting)$/,
  '-object': /^(rng-random|id|filename)$/,
  '-smbios': /^(type|path)$/,
  '-fw_cfg': /^(name|file)$/,
  '-global': /^fw_cfg_io\.x-file-slots$/,
}

/** Values that no user chooses. */
const fixed: Readonly<Record<string, RegExp>> = {
  script: /^no$/,
  downscript: /^no$/,
  vhost: /^off$/,
  driver: /^(file|raw)$/,
  ifname: /^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/,
  mac: /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/,
  id: /^[a-zA-Z][a-zA-Z0-9._-]*$/,
  serial: /^[a-z0-9-]{1,63}$/,
}

const flags = ['-nodefaults', '-no-user-config', '-S']

/** What is wrong with an argv; empty when nothing is. `paths`: the files that it may name with `filename`. */
export function faultsOfArgv([, ...argv]: readonly string[], paths: ReadonlySet<string>): readonly string[] {
  const faults: string[] = []
  for (let at = 0; at < argv.length; at += 1) {
    const option = argv[at]!
    if (flags.includes(option)) continue
    at += 1
    const value = argv[at]
    if (value === undefined) faults.push(`${option} has no value`)
    else if (/[\0-\x1f\x7f]/.test(value)) faults.push(`${option} has a control character: ${JSON.stringify(value)}`)
    else if (keys[option]) faults.push(...faultsOfValue(option, value, paths))
    else if (!whole.includes(option)) faults.push(`${option} is no option of ours`)
  }
  return faults
}

function faultsOfValue(option: string, value: string, paths: ReadonlySet<string>): string[] {
  const seen = new Set<string>()
  return split(value).flatMap((part) => {
    const [key, ...rest] = part.split('=')
    const text = rest.join('=')
    if (!keys[option]!.test(key!)) return [`${option} ${value}: ${JSON.stringify(key)} is no key of ours`]
    if (seen.has(key!)) return [`${option} ${value}: ${key} stands twice`]
    seen.add(key!)
    if (key === 'filename' && !paths.has(text)) return [`${option} ${value}: nobody named ${JSON.stringify(text)}`]
    return fixed[key!] && !fixed[key!]!.test(text) ? [`${option} ${value}: ${key} is ${JSON.stringify(text)}`] : []
  })
}

function split(value: string): string[] {
  return value
    .replaceAll(',,', '\0')
    .split(',')
    .map((part) => part.replaceAll('\0', ','))
}
