-- Adds to a meter, and lessens or ends a hold. KEYS: meter, holds.
-- ARGV: id, what remains held (0: it ends), kept (0: no expiry), then fields and their increments.
local known = redis.call('HGET', KEYS[2], ARGV[1])
for at = 4, #ARGV, 2 do
  redis.call('HINCRBY', KEYS[1], ARGV[at], ARGV[at + 1])
end
if known then
  if ARGV[2] == '0' then
    redis.call('HDEL', KEYS[2], ARGV[1])
  else
    redis.call('HSET', KEYS[2], ARGV[1], ARGV[2] .. ':' .. string.match(known, '%d+$'))
  end
end
if ARGV[3] ~= '0' then
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return 1
