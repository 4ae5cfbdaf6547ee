import type { MicroVM } from '../api/microvm.ts'
import type { MicroVMOperation } from '../api/operation.ts'
import { digest } from '../digest.ts'
import type { MachineRecord } from '../ledger.ts'
import type { Wanted } from './input.ts'

/** What became of an operation when it was looked at. */
export interface OperationResult {
  readonly key: string
  readonly phase: 'Pending' | 'Accepted' | 'Refused' | 'Lapsed'
  readonly message: string
}

/**
 * One imperative wish taken on: the VM's record after it, and what to tell. An operation acts once: its uid goes into
 * the record with its effect, so that a controller that dies in between neither loses nor repeats it.
 */
export function takeOn(
  operation: Wanted<MicroVMOperation>,
  vm: Wanted<MicroVM> | undefined,
  record: MachineRecord,
  now: number,
): { record: MachineRecord; result: OperationResult } {
  const { spec } = operation.object
  const answer = (phase: OperationResult['phase'], message: string, after = record) => ({
    record: after,
    result: { key: operation.key, phase, message },
  })
  if (record.operations.includes(operation.uid)) return answer('Accepted', 'it was taken on')
  if (!vm || vm.deletion) return answer('Refused', `MicroVM ${spec.microVM.name} is not there`)
  if (spec.uid !== undefined && spec.uid !== vm.uid) {
    return answer('Refused', `MicroVM ${spec.microVM.name} is another one now than the one it was meant for`)
  }
  if (now > operation.createdAt + spec.ttlSeconds * 1000)
    return answer('Lapsed', 'its time ran out before it was taken on')

  const strategy = vm.object.spec.runStrategy ?? 'Always'
  const refusal = refuse(spec.type, strategy, vm.ref.name)
  if (refusal) return answer('Refused', refusal)
  const operations = [...record.operations, operation.uid].slice(-keptOperations)
  const crashes = { count: 0, retryAt: 0 }
  const power = { wish: spec.type === 'Stop' ? ('off' as const) : ('on' as const), strategy }
  const restartRequest = spec.type === 'Restart' ? digest(operation.uid) : record.restartRequest
  const graceSeconds = spec.gracePeriodSeconds ?? null
  return answer('Accepted', 'it was taken on', { ...record, operations, crashes, power, restartRequest, graceSeconds })
}

/** How many operations a record remembers; older ones have lapsed long before. */
const keptOperations = 32

function refuse(type: MicroVMOperation['spec']['type'], strategy: string, name: string): string | null {
  if (strategy === 'Halted' && type !== 'Stop') {
    return `runStrategy of ${name} is Halted, so it is never started; set it to Always or Manual in its manifest`
  }
  if (strategy === 'Always' && type === 'Stop') {
    return `runStrategy of ${name} is Always, so a stop would be undone at once; set it to Halted (or Manual) in its manifest`
  }
  return null
}
