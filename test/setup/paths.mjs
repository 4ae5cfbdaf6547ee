// @ts-check
/** Where things are. */
import { join, resolve } from 'node:path'

/** The checkout's root folder. In a bundle that stands elsewhere, `MOORAGE_CHECKOUT` tells. */
export const checkout = resolve(process.env.MOORAGE_CHECKOUT || join(import.meta.dirname, '../..'))

/** What is fetched or built once and kept: `MOORAGE_CACHE`, or `.cache` in the checkout. */
export const cache = resolve(checkout, process.env.MOORAGE_CACHE || '.cache')

/** The bundled command line. */
export const bundle = join(checkout, 'dist/moorage.js')
