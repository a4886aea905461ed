-- For wrk: GET of one path, or of TAGS paths at random that end with a number, and a line of JSON at the end. The numbers are
-- 0, STEP, 2 * STEP and so on, in the FORMAT.
local tags = tonumber(os.getenv("TAGS") or "1")
local step = tonumber(os.getenv("STEP") or "1")
local format = os.getenv("FORMAT") or "%d"

if tags > 1 then
   local prepared = {}
   function init()
      math.randomseed(os.time())
      for number = 0, tags - 1 do
         prepared[number] = wrk.format("GET", wrk.path .. string.format(format, number * step))
      end
   end
   function request()
      return prepared[math.random(0, tags - 1)]
   end
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format('\n{"rate": %f, "p50": %f, "p99": %f, "requests": %d, "failed": %d}\n',
      summary.requests / summary.duration * 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
      summary.requests, errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
