import type { Boot } from '../host-state.ts'
import type { Driver } from './driver.ts'
import { qemu } from './qemu.ts'

/** Every hypervisor that can be asked for. To add one, write its page and name it here. */
export const drivers: readonly Driver[] = [qemu]

/** The driver of a hypervisor; undefined while nobody has written one. */
export function driverOf(name: Boot['hypervisor']): Driver | undefined {
  return drivers.find((driver) => driver.name === name)
}
