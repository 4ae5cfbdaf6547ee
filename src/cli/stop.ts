import { powerPage } from './power.ts'

/** `moorage stop NAME`. */
export const stop = powerPage('Stop')
