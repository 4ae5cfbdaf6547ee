import type { NetOperation } from '../../net.ts'
import { aliasPattern, isCidr, linkNamePattern } from './names.ts'

/** The operations that become lines for `ip -batch`. */
export type LinkOperation = Exclude<
  NetOperation,
  { op: 'replaceRules' | 'changeRules' | 'removeRules' | 'setForwarding' }
>

/** Why an operation cannot be given to ip(8), in a sentence; null when it can. */
export function refuse(operation: LinkOperation): string | null {
  const names = 'master' in operation ? [operation.name, operation.master] : [operation.name]
  const bad = names.find((name) => !linkNamePattern.test(name))
  if (bad !== undefined) return `"${bad}" is no interface name; use at most 15 letters, digits, "-", "_" and "."`
  if ('alias' in operation && !aliasPattern.test(operation.alias)) {
    return `"${operation.alias}" cannot be the alias of ${operation.name}; use at most 255 letters, digits and "_:/.-"`
  }
  if ('address' in operation && !isCidr(operation.address)) {
    return `"${operation.address}" is no address with prefix length; write it as 10.1.0.1/24`
  }
  if ('group' in operation && !isWhole(operation.group))
    return `${operation.group} is no link group; use 0 to 2147483647`
  if ('mtu' in operation && !isWhole(operation.mtu)) return `${operation.mtu} is no MTU; use a whole number of bytes`
  if ('user' in operation && !isWhole(operation.user)) return `${operation.user} is no uid; use a whole number`
  return null
}

/** A sentence for an operation that failed, with the words of ip(8). */
export function explain(operation: LinkOperation, words: string): string {
  const { name } = operation
  switch (operation.op) {
    case 'addBridge':
    case 'addTap':
      if (/File exists|Device or resource busy/.test(words)) {
        return `${name} cannot be made: another link has that name (${words}); rename it or choose another name`
      }
      return `${name} cannot be made: ${words}`
    case 'setMaster':
      return `${name} cannot be put on ${operation.master}: ${words}; both must be there, ${operation.master} as a bridge`
    case 'addAddress':
      return `${name} cannot be given ${operation.address}: ${words}`
    case 'removeAddress':
      return `${operation.address} cannot be taken from ${name}: ${words}`
    case 'removeLink':
      return `${name} cannot be removed: ${words}`
    case 'setMtu':
      return `${name} cannot have an MTU of ${operation.mtu}: ${words}`
    case 'setUp':
      return `${name} cannot be set up: ${words}`
    case 'setAlias':
      return `${name} cannot have the alias ${operation.alias}: ${words}`
    case 'setGroup':
      return `${name} cannot be put into group ${operation.group}: ${words}`
  }
}

function isWhole(number: number): boolean {
  return Number.isInteger(number) && number >= 0 && number < 2 ** 31
}
