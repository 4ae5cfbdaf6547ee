-- Health of every object of moorage.dev, from what kstatus reads: Stalled and Reconciling first, then Ready, and nothing that is
-- said of an older spec. As a resource customization: see argocd-cm.yaml.
local health = { status = "Progressing", message = "waiting for Moorage" }
local status = obj.status

local function is(value)
  for _, condition in ipairs((status and status.conditions) or {}) do
    if condition.type == value then
      return condition
    end
  end
  return nil
end

if obj.metadata.deletionTimestamp ~= nil then
  health.message = "it is being deleted"
  return health
end

local seen = status ~= nil and status.observedGeneration ~= nil and status.observedGeneration >= (obj.metadata.generation or 0)

-- Of these nobody may ever report: they are as they should be once they are there.
local quiet = { MicroVMNetwork = true, MicroVMImage = true, MicroVMShare = true, MicroVMTenant = true, MicroVMRollout = true }
if not seen then
  if quiet[obj.kind] and (status == nil or (status.observedGeneration or -1) < 0) then
    return { status = "Healthy", message = "" }
  end
  return health
end

local stalled, reconciling, ready = is("Stalled"), is("Reconciling"), is("Ready")

if stalled ~= nil and stalled.status == "True" then
  return { status = "Degraded", message = stalled.message }
end
if obj.kind == "MicroVM" and ready ~= nil and ready.status == "True" and ready.reason == "Halted" then
  return { status = "Suspended", message = ready.message }
end
if ready ~= nil and ready.status == "True" then
  return { status = "Healthy", message = ready.message }
end
if ready ~= nil and ready.status == "False" and ready.reason == "CrashLoopBackOff" then
  return { status = "Degraded", message = ready.message }
end
if ready ~= nil and ready.status == "Unknown" then
  return { status = "Unknown", message = ready.message }
end
if ready == nil and obj.kind == "MicroVMOperation" and status.phase ~= "Accepted" then
  if status.phase == "Refused" or status.phase == "Lapsed" then
    return { status = "Degraded", message = status.message or "it was not carried out" }
  end
  return health
end
if ready == nil and (reconciling == nil or reconciling.status ~= "True") then
  return { status = "Healthy", message = "" }
end
if reconciling ~= nil and reconciling.status == "True" then
  health.message = reconciling.message
elseif ready ~= nil then
  health.message = ready.message
end
return health
