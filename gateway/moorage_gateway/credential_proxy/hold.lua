-- Takes a hold, or makes one larger. KEYS: meter, holds.
-- ARGV: id, limit (-1: none), most, least, seconds, concurrency, per minute (0: no limit), kept.
-- A hold is written as AMOUNT:END, in the hash under the request's id.
local id, limit, most, least = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local seconds, concurrency, rate = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local now = tonumber(redis.call('TIME')[1])

local held, count, entries = 0, 0, redis.call('HGETALL', KEYS[2])
for at = 1, #entries, 2 do
  if string.sub(entries[at], 1, 1) ~= '#' then
    local amount, ends = string.match(entries[at + 1], '^(%d+):(%d+)$')
    if tonumber(ends) <= now then
      redis.call('HINCRBY', KEYS[1], 'costMicroUsd', amount)
      redis.call('HDEL', KEYS[2], entries[at])
    elseif entries[at] ~= id then
      held = held + tonumber(amount)
      count = count + 1
    end
  end
end

if rate > 0 then
  local minute = tostring(math.floor(now / 60))
  if redis.call('HGET', KEYS[2], '#minute') ~= minute then
    redis.call('HSET', KEYS[2], '#minute', minute, '#requests', 0)
  end
  if redis.call('HINCRBY', KEYS[2], '#requests', 1) > rate then
    return {'often', 60 - now % 60}
  end
end
if concurrency > 0 and count >= concurrency then
  return {'busy', count}
end

local amount = most
if limit >= 0 then
  local left = limit - tonumber(redis.call('HGET', KEYS[1], 'costMicroUsd') or '0')
  if left < math.max(least, 1) then
    return {'spent', left}
  end
  if left - held < math.max(least, 1) then
    return {'waiting', left - held}
  end
  amount = math.min(most, left - held)
end
redis.call('HSET', KEYS[2], id, string.format('%.0f:%.0f', amount, now + seconds))
-- Later than any hold's own end, so that none is lost before it was taken for spent.
redis.call('EXPIRE', KEYS[2], math.max(seconds + 86400, tonumber(ARGV[8])))
return {'held', string.format('%.0f', amount)}
