-- How Argo CD sees an OrionPlatform. Nothing is said of a change before the operator has looked at it.
local health = { status = "Progressing", message = "waits for the operator" }
local status = obj.status
if status == nil or status.observedGeneration ~= obj.metadata.generation then
  return health
end

local is = {}
local said = {}
for _, condition in ipairs(status.conditions or {}) do
  is[condition.type] = condition.status == "True"
  said[condition.type] = condition.message
end
health.message = status.message or ""

if obj.spec ~= nil and obj.spec.paused == true then
  health.status = "Suspended"
elseif is.Stalled then
  -- Nothing goes on by itself: a tier timed out, the spec is invalid, or what ran before was put back.
  health.status = "Degraded"
elseif is.Reconciling then
  health.status = "Progressing"
elseif is.Ready then
  health.status = "Healthy"
  if is.Degraded then
    health.message = said.Degraded
  end
elseif is.Degraded then
  health.status = "Degraded"
end
return health
