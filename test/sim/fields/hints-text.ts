/** Examples that several fields share. */

export const labels = { valid: ['x', '0-a'], invalid: ['X', '-a', 'a-', 'a_b', 'a/../b', ''] }

export const linkNames = { valid: ['x', 'A_b.c-0'], invalid: ['-x', 'a/b', 'a b', 'lo', 'all', 'default', ''] }

export const addresses = { valid: ['10.1.0.77'], invalid: ['10.1.0', '10.1.0.256', '10.1.0.07', '::1', ''] }

export const paths = { valid: ['/x'], invalid: ['x', '', '/a/../b', '/a/..', '/a\nb', '/a\0b'] }
