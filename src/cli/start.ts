import { powerPage } from './power.ts'

/** `moorage start NAME`. */
export const start = powerPage('Start')
