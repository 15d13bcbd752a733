"""The scripts about keys, their expiry, and event streams. Their own keys are drawn in `scripts`.

stream:NAME   stream of messages, its ids are the offsets     named:NAME   hash of a message's name to its offset
streams       hash of a stream's name to its last offset: it outlives what is trimmed
"""

from __future__ import annotations

from adapters.coordination.redis.scripts import Script

_KEYS = """
local function milliseconds()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function remove(name)
  call('DEL', space .. 'key:' .. name)
  call('ZREM', space .. 'keys', name)
  call('ZREM', space .. 'expiring', name)
  tell('key', name)
end

-- Return value, revision and the milliseconds that are left ('' for ever); nothing for a key that is not there.
local function look(name)
  local fields = call('HMGET', space .. 'key:' .. name, 'value', 'revision')
  if not fields[2] then return end
  local deadline = call('ZSCORE', space .. 'expiring', name)
  if not deadline then return fields[1], fields[2], '' end
  local left = deadline - milliseconds()
  if left <= 0 then return end
  return fields[1], fields[2], digits(left)
end

local function refused(name, expected, fence, token)
  if fence ~= '' and call('HGET', space .. 'lock:' .. fence, 'token') ~= token then return {'lease', '0'} end
  if expected ~= '' then
    local _, revision = look(name)
    if (revision or '0') ~= expected then return {'changed', revision or '0'} end
  end
end
"""

GET = Script(
    """
local found = {}
for _, name in ipairs(ARGV) do
  local value, revision, left = look(name)
  if revision then table.insert(found, {name, value, revision, left}) end
end
return found
""",
    _KEYS,
)

PUT = Script(
    """
local name, value, expected, expires, fence, token = unpack(ARGV)
local no = refused(name, expected, fence, token)
if no then return no end
local revision = digits(call('INCR', space .. 'revision'))
call('HSET', space .. 'key:' .. name, 'value', value, 'revision', revision)
call('ZADD', space .. 'keys', 0, name)
if expires == '' then
  call('ZREM', space .. 'expiring', name)
else
  call('ZADD', space .. 'expiring', digits(milliseconds() + expires), name)
end
tell('key', name)
return {'done', revision}
""",
    _KEYS,
)

DELETE = Script(
    """
local name, expected, fence, token = unpack(ARGV)
local no = refused(name, expected, fence, token)
if no then return no end
local _, revision = look(name)
if call('EXISTS', space .. 'key:' .. name) == 1 then remove(name) end
return {'done', revision or '0'}
""",
    _KEYS,
)

ENTRIES = Script(
    """
local lower, upper, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
local found = {}
while #found < limit do
  local names = call('ZRANGEBYLEX', space .. 'keys', lower, upper, 'LIMIT', 0, limit - #found)
  if #names == 0 then break end
  for _, name in ipairs(names) do
    local value, revision, left = look(name)
    if revision then table.insert(found, {name, value, revision, left}) end
  end
  lower = '(' .. names[#names]
end
return found
""",
    _KEYS,
)

SAMPLE = Script(
    """
local now = milliseconds()
for _, name in ipairs(call('ZRANGEBYSCORE', space .. 'expiring', '-inf', now, 'LIMIT', 0, 100)) do remove(name) end
local found = {}
for _, session in ipairs(call('SMEMBERS', space .. 'sessions')) do
  local fields = call('HMGET', space .. 'session:' .. session, 'heartbeat', 'ttl')
  if fields[1] then
    local listening = call('PUBSUB', 'NUMSUB', space .. 'to:' .. session)[2]
    table.insert(found, {session, fields[1], fields[2], listening})
  end
end
local first = call('ZRANGE', space .. 'expiring', 0, 0, 'WITHSCORES')
return {found, first[2] and digits(math.max(first[2] - now, 0)) or ''}
""",
    _KEYS,
)

APPEND = Script("""
local stream, data, name, expected, at = unpack(ARGV)
local known = name ~= '' and call('HGET', space .. 'named:' .. stream, name)
if known then return {'done', known} end
local last = call('HGET', space .. 'streams', stream) or '0'
if expected ~= '' and expected ~= last then return {'changed', last} end
local offset = digits(call('HINCRBY', space .. 'streams', stream, 1))
call('XADD', space .. 'stream:' .. stream, offset .. '-0', 'data', data, 'name', name, 'at', at)
if name ~= '' then call('HSET', space .. 'named:' .. stream, name, offset) end
return {'done', offset}
""")

TRIM = Script("""
local stream, until_offset = ARGV[1], ARGV[2]
local removed = 0
while true do
  local messages = call('XRANGE', space .. 'stream:' .. stream, '-', until_offset, 'COUNT', 500)
  if #messages == 0 then return removed end
  for _, message in ipairs(messages) do
    if message[2][4] ~= '' then call('HDEL', space .. 'named:' .. stream, message[2][4]) end
    removed = removed + call('XDEL', space .. 'stream:' .. stream, message[1])
  end
end
""")

STREAMS = Script("""
local found = {}
local last = call('HGETALL', space .. 'streams')
for at = 1, #last, 2 do
  table.insert(found, {last[at], last[at + 1], call('XLEN', space .. 'stream:' .. last[at])})
end
return found
""")

READ = Script("return call('XRANGE', space .. 'stream:' .. ARGV[1], ARGV[2], '+', 'COUNT', ARGV[3])")

LAST = Script("return call('HGET', space .. 'streams', ARGV[1]) or '0'")
