import type { Stream } from '../stream.ts'
import { connect } from './connect.ts'
import { serve } from './http.ts'
import { listen } from './listener.ts'
import { getStatus, reachTcp } from './reach.ts'
import { request } from './request.ts'

/** The sockets of this host. */
export function linuxStream(): Stream {
  return { connect, listen, reachTcp, getStatus, serve, request }
}
