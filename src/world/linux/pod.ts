/** Whether this runs in a pod that is to speak to its own cluster: kubelets say where that is, people say otherwise by `KUBECONFIG`. */
export function isInPod(): boolean {
  return process.env.KUBERNETES_SERVICE_HOST !== undefined && process.env.KUBECONFIG === undefined
}
