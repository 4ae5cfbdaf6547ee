import type { Dice } from '../sim/random.ts'
import { breakages } from './breakage.ts'
import type { Change } from './change.ts'
import { edits } from './edit.ts'
import type { Wish } from './wish.ts'

const draws = [...edits, ...breakages]

/** The next change of a run. The same dice and wish give the same. */
export function drawChange(dice: Dice, wish: Wish): Change {
  for (;;) {
    const change = dice.weighted(draws)(dice, wish)
    if (change !== null) return change
  }
}
