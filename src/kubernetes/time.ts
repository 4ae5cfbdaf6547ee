/** Milliseconds since the epoch as metav1.MicroTime, which has six digits: `2026-01-02T03:04:05.678000Z`. */
export function microTime(now: number): string {
  return new Date(now).toISOString().replace('Z', '000Z')
}
