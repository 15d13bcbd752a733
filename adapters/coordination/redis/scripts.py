"""What happens inside Redis: each of these scripts is one atomic step. Values only.

All keys of a namespace begin with `{namespace}:` (one hash tag: one slot), which is the one key that a script is given:

    session:ID   hash who, ttl, since, heartbeat      grants:ID   hash name → token      places:ID   set of places
    lock:NAME    hash session, nonce, token, since, value            past:NAME   list of the last holds
    queue:NAME   zset of `session nonce` by turn      waiting:NAME   hash of the same to since and value
    key:KEY      hash value, revision                 expiring   zset of keys by deadline (ms of the server's clock)
    withdrawn:ID set of the same, of claims that were released before they arrived
    sessions     set     names, keys   zsets to find by prefix      fence, turn, revision, changes   counters
    server       the run of the server that counts; another one counts on from far ahead
    log          stream of changes, its ids are `changes`: whoever misses one sees the gap
    to:ID        the channel of a session: `granted`, `revoked`, `over`; its subscriber is the session's sign of life

Claims, sessions and tokens never expire by themselves and never see the server's clock: setting it changes nothing.
"""

from __future__ import annotations

from hashlib import sha1
from typing import Final

LOG_LENGTH: Final = 10_000
PAST_LENGTH: Final = 10
PAST_SECONDS: Final = 24 * 3600

AHEAD: Final = 1_000_000
"""Tokens and revisions that a server which was killed, or that took over from another, may have forgotten at most."""


class Script:
    """A script and the name under which the server keeps it once it has seen it."""

    def __init__(self, body: str, *parts: str) -> None:
        self.text = "\n".join((_BEGINNING, *parts, body))
        self.digest = sha1(self.text.encode(), usedforsecurity=False).hexdigest()


_BEGINNING = f"""
local call = redis.call
local space = KEYS[1]

local function digits(number) return string.format('%.0f', number) end
local function halves(text) return string.match(text, '^([^\\n]*)\\n(.*)$') end
local function living(session) return call('EXISTS', space .. 'session:' .. session) == 1 end

local function tell(kind, name)
  local change = digits(call('INCR', space .. 'changes'))
  call('XADD', space .. 'log', 'MAXLEN', '~', {LOG_LENGTH}, change .. '-0', 'kind', kind, 'name', name)
end
"""

_CLAIMS = f"""
local function next_token() return digits(call('INCR', space .. 'fence')) end

local function hold(name, session, nonce, token, since, value)
  call('HSET', space .. 'lock:' .. name,
    'session', session, 'nonce', nonce, 'token', token, 'since', since, 'value', value)
  call('HSET', space .. 'grants:' .. session, name, token)
  call('ZADD', space .. 'names', 0, name)
end

local function look(name)
  local held = call('HMGET', space .. 'lock:' .. name, 'session', 'nonce', 'token', 'since')
  return {{session = held[1], nonce = held[2], token = held[3], since = held[4]}}
end

-- Deleting comes first: once a script has written, it may go on in a server that has no memory left.
local function close(name, held, ending, now)
  call('DEL', space .. 'lock:' .. name)
  call('HDEL', space .. 'grants:' .. held.session, name)
  local who = call('HGET', space .. 'session:' .. held.session, 'who') or ''
  local past = space .. 'past:' .. name
  local length = call('LPUSH', past, table.concat({{ending, held.token, held.since, now, who}}, '\\n'))
  if length >= {2 * PAST_LENGTH} then call('LTRIM', past, 0, {PAST_LENGTH - 1}) end
  call('EXPIRE', past, {PAST_SECONDS})
end

local function enter(name, session, nonce, since, value)
  local member = session .. '\\n' .. nonce
  if call('ZSCORE', space .. 'queue:' .. name, member) then return false end
  call('ZADD', space .. 'queue:' .. name, digits(call('INCR', space .. 'turn')), member)
  call('HSET', space .. 'waiting:' .. name, member, since .. '\\n' .. value)
  call('SADD', space .. 'places:' .. session, name .. '\\n' .. nonce)
  call('ZADD', space .. 'names', 0, name)
  return true
end

local function leave(name, session, nonce)
  local member = session .. '\\n' .. nonce
  if call('ZREM', space .. 'queue:' .. name, member) == 0 then return false end
  call('HDEL', space .. 'waiting:' .. name, member)
  call('SREM', space .. 'places:' .. session, name .. '\\n' .. nonce)
  return true
end

-- Grant a free name to the first waiter who hears of it, and return him with his token. Who is deaf keeps his place;
-- without any waiter the queue is empty, which comes third.
local function serve(name, now, asker)
  local at = 0
  while true do
    local member = call('ZRANGE', space .. 'queue:' .. name, at, at)[1]
    if not member then return nil, nil, at == 0 end
    local session, nonce = halves(member)
    if not living(session) then
      leave(name, session, nonce)
    else
      local token = next_token()
      local message = table.concat({{'granted', token, name, nonce}}, '\\n')
      if member == asker or call('PUBLISH', space .. 'to:' .. session, message) > 0 then
        local _, value = halves(call('HGET', space .. 'waiting:' .. name, member))
        leave(name, session, nonce)
        hold(name, session, nonce, token, now, value)
        return member, token
      end
      at = at + 1
    end
  end
end

local function tidy(name)
  if call('EXISTS', space .. 'lock:' .. name, space .. 'queue:' .. name) == 0 then
    call('ZREM', space .. 'names', name)
  end
end

local function pass_on(name, now)
  local _, _, empty = serve(name, now)
  if empty then call('ZREM', space .. 'names', name) end
  tell('claim', name)
end
"""

BEGIN = Script("""
local session, who, ttl, since = unpack(ARGV)
call('HSET', space .. 'session:' .. session, 'who', who, 'ttl', ttl, 'since', since, 'heartbeat', 0)
call('SADD', space .. 'sessions', session)
tell('session', session)
return 1
""")

RENEW = Script("""
local session = ARGV[1]
if not living(session) then return false end
call('PERSIST', space .. 'session:' .. session)  -- changes nothing, and lets it go on when the memory is full
call('HINCRBY', space .. 'session:' .. session, 'heartbeat', 1)
return call('HGETALL', space .. 'grants:' .. session)
""")

END = Script(
    """
local session, now, heartbeat, deaf = unpack(ARGV)
local beat = call('HGET', space .. 'session:' .. session, 'heartbeat')
if not beat or (heartbeat ~= '' and heartbeat ~= beat) then return 0 end
if deaf == '1' and call('PUBSUB', 'NUMSUB', space .. 'to:' .. session)[2] > 0 then return 0 end
for _, place in ipairs(call('SMEMBERS', space .. 'places:' .. session)) do
  local name, nonce = halves(place)
  leave(name, session, nonce)
  tidy(name)
  tell('claim', name)
end
local names = call('HKEYS', space .. 'grants:' .. session)
for _, name in ipairs(names) do close(name, look(name), 'lapsed', now) end
call('DEL', space .. 'session:' .. session, space .. 'withdrawn:' .. session)
call('SREM', space .. 'sessions', session)
for _, name in ipairs(names) do pass_on(name, now) end
call('PUBLISH', space .. 'to:' .. session, 'over')
tell('session', session)
return 1
""",
    _CLAIMS,
)

SESSIONS = Script("""
local found = {}
for _, session in ipairs(call('SMEMBERS', space .. 'sessions')) do
  local fields = call('HMGET', space .. 'session:' .. session, 'who', 'ttl', 'since')
  table.insert(found, {session, fields[1], fields[2], fields[3]})
end
return found
""")

CLAIM = Script(
    """
local name, session, nonce, value, wait, now = unpack(ARGV)
local withdrawn = space .. 'withdrawn:' .. session
local known = call('EXISTS', space .. 'session:' .. session, withdrawn)
if known == 0 then return {'over'} end
local held = look(name)
if held.session == session and held.nonce == nonce then return {'granted', held.token} end
if known == 2 and call('SREM', withdrawn, name .. '\\n' .. nonce) == 1 then return {'taken'} end
local free = not held.session
if not free and not living(held.session) then
  close(name, held, 'lapsed', now)
  free = true
end
if free then
  local served, token = nil, nil
  if call('EXISTS', space .. 'queue:' .. name) == 1 then
    if wait == '1' then enter(name, session, nonce, now, value) end
    served, token = serve(name, now, session .. '\\n' .. nonce)
  end
  if not served then
    token = next_token()
    hold(name, session, nonce, token, now, value)
    served = session .. '\\n' .. nonce
  end
  tell('claim', name)
  if served == session .. '\\n' .. nonce then return {'granted', token} end
end
if wait == '0' then
  if leave(name, session, nonce) then tell('claim', name) end
  return {'taken'}
end
if enter(name, session, nonce, now, value) then tell('claim', name) end
return {'waits'}
""",
    _CLAIMS,
)

RELEASE = Script(
    """
local name, session, nonce, late, now = unpack(ARGV)
local held = look(name)
if held.session == session and held.nonce == nonce then
  close(name, held, 'released', now)
  pass_on(name, now)
  return 1
end
if leave(name, session, nonce) then
  tidy(name)
  tell('claim', name)
elseif late == '1' and living(session) then
  call('SADD', space .. 'withdrawn:' .. session, name .. '\\n' .. nonce)
end
return 0
""",
    _CLAIMS,
)

REVOKE = Script(
    """
local name, token, now = unpack(ARGV)
local held = look(name)
if held.token ~= token then return 0 end
close(name, held, 'revoked', now)
call('PUBLISH', space .. 'to:' .. held.session, table.concat({'revoked', token, name}, '\\n'))
pass_on(name, now)
return 1
""",
    _CLAIMS,
)

PROCLAIM = Script("""
local name, session, nonce, value = unpack(ARGV)
local held = call('HMGET', space .. 'lock:' .. name, 'session', 'nonce')
if held[1] ~= session or held[2] ~= nonce then return 0 end
call('HSET', space .. 'lock:' .. name, 'value', value)
tell('claim', name)
return 1
""")

CLAIMS = Script("""
local found = {}
for _, name in ipairs(call('ZRANGEBYLEX', space .. 'names', ARGV[1], ARGV[2])) do
  local held = call('HMGET', space .. 'lock:' .. name, 'session', 'token', 'since', 'value')
  local of = held[1] and call('HMGET', space .. 'session:' .. held[1], 'who', 'ttl') or {}
  local waiters = {}
  for _, member in ipairs(call('ZRANGE', space .. 'queue:' .. name, 0, -1)) do
    local session = halves(member)
    local since = halves(call('HGET', space .. 'waiting:' .. name, member))
    table.insert(waiters, {session, since, call('HGET', space .. 'session:' .. session, 'who')})
  end
  table.insert(found, {name, held, of, waiters, call('LRANGE', space .. 'past:' .. name, 0, ARGV[3] - 1)})
end
return found
""")

SERVER = Script(f"""
local before = call('GET', space .. 'server')
if before == ARGV[1] then return 0 end
if before or call('EXISTS', space .. 'fence', space .. 'revision') > 0 then
  call('INCRBY', space .. 'fence', {AHEAD})
  call('INCRBY', space .. 'revision', {AHEAD})
end
call('SET', space .. 'server', ARGV[1])
return 1
""")
