#!lua name=posestream1

--[[ The server side of posestream: every step that must not be half done, as one atomic function.

Every function takes one key, `<prefix>:{sK}:work`; the other keys of the shard derive from it and carry the same
hash tag. Below, <cam> is a camera's name.

  work            stream  one token per frame that waits or is in hand: camera, id, seq, policy, expires (ms, 0 = never).
                          Token ids are <number>-0, counted up in `shard`. Consumer group `pose`, created at 0.
                          A token is a place in the queue: of a live camera, a newer frame may have moved up into it.
  tokens:<cam>    zset    the camera's tokens: member = frame id, score = token number. A token waits while its number
                          is above the group's last delivered one, and is in hand from then on.
  frames:<cam>    stream  the pixels of the frames that have a token; id = frame id; fields image, meta
  results         stream  one record per admitted frame, whatever became of it: camera, id, seq, policy, outcome, data
  poses:<cam>     stream  published poses; id = frame id; field pose; trimmed to the tracker's `retain`
  state:<cam>     hash    last_id, seq                          the last admission
                          policy, run, position, generation     where the producer is in its source
                          ended                                 the run that was played to its end last
                          holder, lease_until                   the producer that holds the camera (server ms)
                          admitted, posed, superseded, stale, late, dead, refused_<reason>   counters
                          records                               the camera's entries in `results`
                          bytes                                 memory of frames:<cam>, as last measured
                          released, published_id, tracker       what the tracker has published, and its own state
                          trying                                <record> <times>: what a careful tracker is at
                          failures:<id>, error:<id>             failed deliveries of a frame that is still in hand
                          frame:<token>                         id, seq, expires of the frame that moved up into it
  dead            stream  dead letters: camera, id, seq, reason, error, deliveries, image, meta, and pose where it was
                          the tracker that failed; bounded in bytes
  workers         zset    member = consumer, score = server ms of its last heartbeat. (What the group knows of idle
                          consumers differs between servers.)
  tracker         hash    holder, epoch, expires (server ms): the one tracker that may publish;
                          fruitless: leaders in a row that ended before they had published anything
  cameras         zset    member = camera, score = server ms when its producer was last heard of
  camera:<cam>    hash    what the producer says of the camera: source, size, fps, policy, …
  shard           hash    tokens (the last token number), bytes (sum over cameras);
                          max_records, max_bytes, max_dead_bytes: limits, when they are not the defaults below

A call that can not be carried out answers an array whose first element says so, and changes nothing but counters and
the leftovers of calls that were cut short (and a live camera at its depth makes room before its frame is weighed, so
that in a full shard newer frames still replace older ones). Wrong arguments are errors that start with BADARG.
Frame ids are compared as decimal strings: Lua's numbers are exact only up to 2^53.
]]

local VERSION = '1.3'

local GROUP = 'pose'
local RELEASED = '-released-'  -- the consumer that holds tokens which were given back
local RELEASED_IDLE_MS = 24 * 3600 * 1000
local MAX_AHEAD_MS = 1000
local ALIVE_MS = 10000  -- a worker's slot asks for work, or says it is at it, more often than this
local MAX_LIVE_DEPTH = 64  -- so many frames may have to move up in one call
local DEFAULT_DEPTH = { live = 4, lossless = 64 }
local DEFAULT_LIMITS = { max_records = 100000, max_bytes = 1024 * 1024 * 1024, max_dead_bytes = 64 * 1024 * 1024 }
local OUTCOMES = { posed = true, superseded = true, stale = true, late = true, dead = true }

-- Arguments ----------------------------------------------------------------------------------------------------------

local function fail(text)
  error({ err = 'BADARG ' .. text })
end

-- The shard's key builder, from the one key every call passes.
local function shard_keys(keys)
  local base = keys[1] and string.match(keys[1], '^(.+:{s%d+}:)work$')
  if #keys ~= 1 or not base then
    fail("key: expected one key of the form <prefix>:{sK}:work")
  end
  return function(kind, camera)
    return camera and (base .. kind .. ':' .. camera) or (base .. kind)
  end
end

-- Readers decode names: one that they can not would never match again, and hold the tracker up for ever.
local function is_utf8(text)
  for _, form in ipairs({ '[\194-\223][\128-\191]', '\224[\160-\191][\128-\191]', '\237[\128-\159][\128-\191]',
                          '[\225-\236\238\239][\128-\191][\128-\191]', '\240[\144-\191][\128-\191][\128-\191]',
                          '[\241-\243][\128-\191][\128-\191][\128-\191]', '\244[\128-\143][\128-\191][\128-\191]' }) do
    text = string.gsub(text, form, '.')
  end
  return not string.find(text, '[\128-\255]')
end

local function camera_name(text)
  if not text or text == '' or #text > 128 or string.find(text, '[{}%s%c]')
      or string.find(text, '[\128-\255]') and not is_utf8(text) then
    fail('camera: 1 to 128 bytes of UTF-8 without braces, spaces or control characters')
  end
  return text
end

local function whole(text, name)
  if not text or #text > 15 or not string.match(text, '^%d+$') then
    fail(name .. ': expected a whole number, not ' .. tostring(text))
  end
  return tonumber(text)
end

-- The <name> <value> pairs that follow the positional arguments; names that are not known are ignored.
local function options(args, first)
  if (#args - first + 1) % 2 ~= 0 then
    fail('options: expected pairs of name and value')
  end
  local found = {}
  for i = first, #args, 2 do
    found[args[i]] = args[i + 1]
  end
  return found
end

-- Frame ids ----------------------------------------------------------------------------------------------------------

local function decimal_less(a, b)
  if #a ~= #b then
    return #a < #b
  end
  return a < b
end

-- One half of an id, as a stream takes it: a decimal without leading zeros, of 64 bits.
local function is_half(text)
  return text == '0' or not (text:sub(1, 1) == '0' or decimal_less('18446744073709551615', text))
end

local function split_id(id)
  local ms, n = string.match(id or '', '^(%d+)%-(%d+)$')
  if not ms or not is_half(ms) or not is_half(n) then
    fail('id: expected <ms>-<n>, not ' .. tostring(id))
  end
  return ms, n
end

local function id_less(a, b)
  local a_ms, a_n = split_id(a)
  local b_ms, b_n = split_id(b)
  if a_ms ~= b_ms then
    return decimal_less(a_ms, b_ms)
  end
  return decimal_less(a_n, b_n)
end

local function token_id(number)
  return string.format('%.0f-0', number)
end

-- Reading ------------------------------------------------------------------------------------------------------------

local function server_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function to_map(pairs_list)
  local map = {}
  for i = 1, #pairs_list, 2 do
    map[pairs_list[i]] = pairs_list[i + 1]
  end
  return map
end

-- A command that may fail in one known way, which answers nil. Whatever else is wrong, as a permission that is missing, is
-- the caller's to hear.
local function attempt(known, command, ...)
  local reply = redis.pcall(command, ...)
  if type(reply) == 'table' and reply.err then
    if not string.find(reply.err, known) then
      error({ err = reply.err .. ' in ' .. command })
    end
    return nil
  end
  return reply
end

-- Several fields of a hash as a table; a missing field is nil.
local function fields(key, names)
  local values = redis.call('HMGET', key, unpack(names))
  local found = {}
  for i, name in ipairs(names) do
    found[name] = values[i] or nil
  end
  return found
end

-- The number of the last token delivered to any worker; 0 when the group does not exist (yet).
local function last_delivered(key)
  if redis.call('EXISTS', key('work')) == 0 then
    return 0
  end
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', key('work'))) do
    local info = to_map(group)
    if info.name == GROUP then
      return tonumber(string.match(info['last-delivered-id'], '^%d+'))
    end
  end
  return 0
end

local function waiting_count(key, camera)
  return redis.call('ZCOUNT', key('tokens', camera), '(' .. last_delivered(key), '+inf')
end

local function unfinished(key, camera)
  local records = redis.call('HGET', key('state', camera), 'records')
  return redis.call('ZCARD', key('tokens', camera)) + tonumber(records or 0)
end

-- The pending entry of a token, or nil: consumer and idle time. Absent groups are as good as absent entries.
local function pending(key, token)
  local found = attempt('NOGROUP', 'XPENDING', key('work'), GROUP, token, token, 1)
  if not found or not found[1] then
    return nil
  end
  return { consumer = found[1][2], idle = found[1][3] }
end

-- What a token stands for: its entry's fields, or those of the frame that has moved up into its place.
local function token_fields(key, token)
  local entry = redis.call('XRANGE', key('work'), token, token)[1]
  local work = entry and to_map(entry[2])
  if work and not (work.camera and work.id and work.seq and work.policy and work.expires) then
    redis.call('XDEL', key('work'), token)  -- somebody's stray entry, no token: as good as gone
    return nil
  end
  local moved = work and work.policy == 'live' and redis.call('HGET', key('state', work.camera), 'frame:' .. token)
  if moved then
    work.id, work.seq, work.expires = string.match(moved, '^(%S+) (%S+) (%S+)$')
  end
  return work
end

-- Whether a frame is in its stream, without reading its pixels: a claim by force succeeds only on entries that exist.
local function frame_exists(frames, id)
  redis.call('XGROUP', 'CREATE', frames, 'probe', '$')
  local claimed = redis.call('XCLAIM', frames, 'probe', 'probe', 0, id, 'FORCE', 'JUSTID')
  redis.call('XGROUP', 'DESTROY', frames, 'probe')
  return #claimed == 1
end

local function limits(key)
  local set = fields(key('shard'), { 'max_records', 'max_bytes', 'max_dead_bytes', 'bytes' })
  return {
    max_records = tonumber(set.max_records) or DEFAULT_LIMITS.max_records,
    max_bytes = tonumber(set.max_bytes) or DEFAULT_LIMITS.max_bytes,
    max_dead_bytes = tonumber(set.max_dead_bytes) or DEFAULT_LIMITS.max_dead_bytes,
    bytes = tonumber(set.bytes) or 0,
  }
end

-- Writing ------------------------------------------------------------------------------------------------------------

-- Brings the camera's and the shard's byte counts up to date by measuring; they can not drift. Returns the shard's.
local function measure(key, camera)
  local now = redis.call('MEMORY', 'USAGE', key('frames', camera), 'SAMPLES', 0) or 0
  local before = tonumber(redis.call('HGET', key('state', camera), 'bytes') or 0)
  if now ~= before then
    redis.call('HSET', key('state', camera), 'bytes', now)
  end
  return redis.call('HINCRBY', key('shard'), 'bytes', now - before)
end

-- Adds a dead letter, a flat list of names and values; the oldest ones go when they take too much.
local function keep_letter(key, letter)
  redis.call('XADD', key('dead'), '*', unpack(letter))
  local limit = limits(key).max_dead_bytes
  while redis.call('MEMORY', 'USAGE', key('dead'), 'SAMPLES', 0) > limit and redis.call('XLEN', key('dead')) > 0 do
    redis.call('XTRIM', key('dead'), 'MAXLEN', redis.call('XLEN', key('dead')) - 1)
  end
end

local function bury(key, entry, reason, error_text, deliveries)
  local letter = { 'camera', entry.camera, 'id', entry.id, 'seq', entry.seq, 'reason', reason, 'error', error_text,
                   'deliveries', deliveries }
  local frame = redis.call('XRANGE', key('frames', entry.camera), entry.id, entry.id)[1]
  local stored = frame and to_map(frame[2]) or {}
  for _, name in ipairs({ 'image', 'meta' }) do
    if stored[name] then
      letter[#letter + 1] = name
      letter[#letter + 1] = stored[name]
    end
  end
  keep_letter(key, letter)
end

-- Removes a frame. An empty stream goes, too: it would remember the largest id it ever held, and refuse smaller ones even
-- when that was a stray one from the future. The order of frames is kept by `last_id`.
local function drop_frame(key, camera, id)
  redis.call('XDEL', key('frames', camera), id)
  if redis.call('XLEN', key('frames', camera)) == 0 then
    redis.call('UNLINK', key('frames', camera))
  end
end

-- A frame's end: it goes, and one record comes. The only place where a record is made.
local function record(key, entry, outcome, data)
  redis.call('ZREM', key('tokens', entry.camera), entry.id)
  drop_frame(key, entry.camera, entry.id)
  local state = key('state', entry.camera)
  redis.call('HDEL', state, 'failures:' .. entry.id, 'error:' .. entry.id)
  redis.call('XADD', key('results'), '*', 'camera', entry.camera, 'id', entry.id, 'seq', entry.seq,
             'policy', entry.policy, 'outcome', outcome, 'data', data)
  redis.call('HINCRBY', state, 'records', 1)
end

local function drop_token(key, camera, token)
  redis.call('XDEL', key('work'), token)
  redis.call('HDEL', key('state', camera), 'frame:' .. token)
end

-- The end of a frame in hand, and of its token.
local function settle(key, token, entry, outcome, data)
  redis.call('XACK', key('work'), GROUP, token)
  drop_token(key, entry.camera, token)
  record(key, entry, outcome, data)
  measure(key, entry.camera)
end

local function settle_dead(key, token, entry, reason, error_text, deliveries)
  bury(key, entry, reason, error_text, deliveries)
  settle(key, token, entry, 'dead', reason)
end

-- Producer: admit, register, end, unfinished ---------------------------------------------------------------------------

-- Another producer holds the camera: its name and for how much longer (ms); nil when the camera is free or `holder`'s.
local function held_by_other(state, holder, now)
  local until_ms = tonumber(state.lease_until) or 0
  if state.holder and state.holder ~= '' and state.holder ~= holder and until_ms > now then
    return state.holder, until_ms - now
  end
end

local function renew_lease(key, camera, holder, lease_ms, now)
  if holder ~= '' then
    redis.call('HSET', key('state', camera), 'holder', holder, 'lease_until', now + lease_ms)
  end
  redis.call('ZADD', key('cameras'), now, camera)
end

local function admission(args)
  local given = options(args, 3)
  local policy = given.policy or 'live'
  if not DEFAULT_DEPTH[policy] then
    fail('policy: expected live or lossless, not ' .. policy)
  end
  local run = given.run or ''
  if policy == 'lossless' and run ~= '' and not given.position then
    fail('position: a lossless run counts its frames from 0')
  end
  local depth = math.max(1, given.depth and whole(given.depth, 'depth') or DEFAULT_DEPTH[policy])
  if policy == 'live' and depth > MAX_LIVE_DEPTH then
    fail('depth: of a live camera at most ' .. MAX_LIVE_DEPTH .. ' frames wait')
  end
  return {
    policy = policy,
    run = run,
    position = given.position and whole(given.position, 'position'),
    depth = depth,
    max_age = given.max_age and whole(given.max_age, 'max_age') or 0,
    holder = given.holder or '',
    lease = given.lease and whole(given.lease, 'lease') or 5000,
  }
end

-- What is known before looking at the load: nil, or the outcome 'already'/'refused' with a reason and a detail.
local function judge_identity(state, id, wanted, now)
  local holder, left = held_by_other(state, wanted.holder, now)
  if holder then
    return 'refused', 'held', holder .. ' for ' .. string.format('%.0f', left) .. ' ms'
  end
  local same_run = wanted.run ~= '' and state.run == wanted.run
  local position = same_run and tonumber(state.position) or -1
  if same_run and wanted.position and wanted.position <= position then
    return 'already', wanted.position == position and state.last_id or ''
  end
  local identified = wanted.run ~= '' and wanted.position
  if not identified and state.last_id and id == state.last_id then
    return 'already', state.last_id
  end
  if wanted.policy == 'lossless' and wanted.run ~= '' and wanted.position ~= position + 1 then
    return 'refused', 'gap', string.format('%.0f', position + 1)
  end
  local last_id = state.last_id or '0-0'
  if not id_less(last_id, id) then
    return 'refused', 'order', last_id
  end
  local newest = tonumber((split_id(last_id)))
  if tonumber((split_id(id))) > math.max(now + MAX_AHEAD_MS, newest) then
    return 'refused', 'ahead', last_id
  end
end

-- Frames that were added but never admitted go, as far as they are older than every frame that has a token.
-- Tells whether the frame to be admitted is there: by their number, and by looking when there are more than expected.
local function sweep_leftovers(key, camera, id)
  local frames, tokens = key('frames', camera), key('tokens', camera)
  local expected = redis.call('ZCARD', tokens) + 1
  if redis.call('XLEN', frames) == expected then
    return true
  end
  local oldest = redis.call('ZRANGE', tokens, 0, 0)[1] or id
  redis.call('XTRIM', frames, 'MINID', oldest)
  if redis.call('XLEN', frames) > 0 and frame_exists(frames, id) then
    return true
  end
  -- A leftover from the future is in the way. Only here are pixels read for nothing: there is no other way to its id.
  for _, stray in ipairs(redis.call('XRANGE', frames, '(' .. id, '+', 'COUNT', 4)) do
    if not redis.call('ZSCORE', tokens, stray[1]) then
      drop_frame(key, camera, stray[1])
    end
  end
  return false
end

-- The camera's tokens that no worker has, oldest first; what is none any more goes.
local function waiting_tokens(key, camera, delivered)
  local listed = redis.call('ZRANGEBYSCORE', key('tokens', camera), '(' .. delivered, '+inf', 'WITHSCORES')
  local waiting = {}
  for i = 1, #listed, 2 do
    local token = token_id(tonumber(listed[i + 1]))
    local entry = token_fields(key, token)
    if entry then
      waiting[#waiting + 1] = { number = listed[i + 1], token = token, entry = entry }
    else
      redis.call('ZREM', key('tokens', camera), listed[i])
      drop_token(key, camera, token)
    end
  end
  return waiting
end

local function put_frame(key, camera, place, id, seq, expires)
  redis.call('ZADD', key('tokens', camera), place.number, id)
  redis.call('HSET', key('state', camera), 'frame:' .. place.token, table.concat({ id, seq, expires }, ' '))
end

-- Supersedes a live camera's oldest waiting frames, as many as are too many beside a new one. The others move up, so
-- that the camera keeps its places in the queue: would it give up the first and queue up again, one that sends faster
-- than the others would never be served where all together send too much. Returns the place left for the new frame.
local function move_up(key, camera, delivered, depth)
  local waiting = waiting_tokens(key, camera, delivered)
  local excess = #waiting - depth + 1
  if excess < 1 then
    return nil
  end
  for i = 1, excess do
    record(key, waiting[i].entry, 'superseded', '')
  end
  for i = excess + 1, #waiting do
    local entry = waiting[i].entry
    put_frame(key, camera, waiting[i - excess], entry.id, entry.seq, entry.expires)
  end
  for i = depth + 1, #waiting do  -- the depth was larger before
    drop_token(key, camera, waiting[i].token)
  end
  measure(key, camera)
  return waiting[depth]
end

-- Makes room where the policy may, and tells what is still in the way: a reason and a detail, or nil, nil and the place
-- in the queue that the frame takes over, if it does not queue up.
local function judge_load(key, camera, wanted, policy_before)
  local limit = limits(key)
  -- A camera changes its policy only when it is empty: live frames would supersede lossless ones, and overtake them.
  local changes = policy_before and policy_before ~= wanted.policy
  if wanted.policy == 'lossless' or changes then
    local open = unfinished(key, camera)
    if open >= (changes and 1 or wanted.depth) then
      return 'full', tostring(open)
    end
  end
  if redis.call('XLEN', key('work')) + redis.call('XLEN', key('results')) >= limit.max_records then
    return 'backlog', 'records'
  end
  local place
  if wanted.policy == 'live' and redis.call('ZCARD', key('tokens', camera)) >= wanted.depth then
    place = move_up(key, camera, last_delivered(key), wanted.depth)
  end
  if measure(key, camera) > limit.max_bytes then
    if place then
      drop_token(key, camera, place.token)
    end
    return 'backlog', 'bytes'
  end
  return nil, nil, place
end

-- Takes a refused frame out again, unless it is one that was admitted.
local function refuse(key, camera, id, reason, detail, now)
  if not redis.call('ZSCORE', key('tokens', camera), id) then
    drop_frame(key, camera, id)
  end
  if redis.call('EXISTS', key('state', camera)) == 1 then
    redis.call('HINCRBY', key('state', camera), 'refused_' .. reason, 1)
    measure(key, camera)
  end
  return { 'refused', reason, detail, now }
end

-- Turns a frame that is there into work, which is its admission: in a place of the camera's, or at the queue's end.
-- Returns its seq.
local function add_token(key, camera, id, policy, expires, place)
  local state = key('state', camera)
  local seq, expires_ms = redis.call('HINCRBY', state, 'seq', 1), string.format('%.0f', expires)
  if place then
    put_frame(key, camera, place, id, seq, expires_ms)
  else
    local number = redis.call('HINCRBY', key('shard'), 'tokens', 1)
    redis.call('XADD', key('work'), token_id(number), 'camera', camera, 'id', id, 'seq', seq, 'policy', policy,
               'expires', expires_ms)
    redis.call('ZADD', key('tokens', camera), number, id)
  end
  redis.call('HSET', state, 'last_id', id)
  redis.call('HINCRBY', state, 'admitted', 1)
  return seq
end

--[[ admit <camera> <frame id> [policy live|lossless] [depth n] [max_age ms] [run text] [position n] [holder text]
[lease ms]: turns a frame just added to frames:<cam> into work.
Answers {admitted, id, seq, now, unfinished} · {already, id or '' when it was not the last, seq, now, unfinished}
· {refused, reason, detail, now} with reason
held (detail: by whom) · gap (the position expected) · order, ahead (the camera's last id) · missing (no such frame)
· full (unfinished frames) · backlog (records or bytes). ]]
local function admit(keys, args)
  local key = shard_keys(keys)
  local camera, id = camera_name(args[1]), args[2]
  split_id(id)
  local wanted = admission(args)
  local now = server_ms()
  local state = fields(key('state', camera), { 'last_id', 'seq', 'policy', 'run', 'position', 'holder', 'lease_until' })
  local verdict, reason, detail = judge_identity(state, id, wanted, now)
  if verdict == 'already' then
    if not redis.call('ZSCORE', key('tokens', camera), id) then
      drop_frame(key, camera, id)
    end
    measure(key, camera)
    return { 'already', reason, tonumber(state.seq), now, unfinished(key, camera) }
  end
  local place
  if not verdict and not sweep_leftovers(key, camera, id) then
    reason, detail = 'missing', id
  elseif not verdict then
    reason, detail, place = judge_load(key, camera, wanted, state.policy)
  end
  if reason then
    return refuse(key, camera, id, reason, detail, now)
  end
  local expires = wanted.policy == 'live' and wanted.max_age > 0 and (tonumber((split_id(id))) + wanted.max_age) or 0
  local seq = add_token(key, camera, id, wanted.policy, expires, place)
  redis.call('HSET', key('state', camera), 'policy', wanted.policy, 'run', wanted.run,
             'position', wanted.position or '')
  renew_lease(key, camera, wanted.holder, wanted.lease, now)
  return { 'admitted', id, seq, now, unfinished(key, camera) }
end

--[[ register <camera> <holder> <lease ms> [field value …]: takes or renews the producer's lease and describes the
camera. Answers {registered, now, last id, run, position, generation, the run that was ended last} ·
{refused, held, detail, now}. ]]
local function register(keys, args)
  local key = shard_keys(keys)
  local camera, holder, lease = camera_name(args[1]), args[2] or '', whole(args[3], 'lease')
  local described = options(args, 4)
  local now = server_ms()
  local state = fields(key('state', camera),
                       { 'holder', 'lease_until', 'last_id', 'run', 'position', 'generation', 'ended' })
  local other, left = held_by_other(state, holder, now)
  if other then
    return { 'refused', 'held', other .. ' for ' .. string.format('%.0f', left) .. ' ms', now }
  end
  renew_lease(key, camera, holder, lease, now)
  for name, value in pairs(described) do
    redis.call('HSET', key('camera', camera), name, value)
  end
  return { 'registered', now, state.last_id or '', state.run or '', state.position or '', state.generation or '0',
           state.ended or '' }
end

--[[ end <camera> <holder> <run> <complete 0|1> [keep 0|1]: the producer leaves, unless it keeps the camera for another
round. A complete lossless run raises the generation, so that the same source starts again at position 0 the next time.
Answers {ended, generation}. ]]
local function end_run(keys, args)
  local key = shard_keys(keys)
  local camera, holder, run = camera_name(args[1]), args[2] or '', args[3] or ''
  local name = key('state', camera)
  local state = fields(name, { 'holder', 'lease_until', 'run', 'generation' })
  local other = held_by_other(state, holder, server_ms())
  if state.holder == holder and holder ~= '' and args[5] ~= '1' then
    redis.call('HDEL', name, 'holder', 'lease_until')
  end
  if args[4] == '1' and run ~= '' and state.run == run and not other then
    redis.call('HDEL', name, 'run', 'position')
    redis.call('HSET', name, 'ended', run)
    return { 'ended', tostring(redis.call('HINCRBY', name, 'generation', 1)) }
  end
  return { 'ended', state.generation or '0' }
end

--[[ unfinished <camera>: how many of its frames have been admitted and not yet published. Lossless producers ask before
they send pixels. ]]
local function unfinished_count(keys, args)
  return unfinished(shard_keys(keys), camera_name(args[1]))
end

-- Worker: finish, heartbeat, release, reclaim, retire ----------------------------------------------------------------

--[[ finish <consumer> <token> posed|stale|dead <data> [error text]: the token's end, by its present owner only.
`data` is the pose message for posed, and the reason for the others. Answers {finished} · {lost, present owner or ''}:
somebody else's by now, or finished before. ]]
local function finish(keys, args)
  local key = shard_keys(keys)
  local consumer, token, outcome, data = args[1], args[2], args[3], args[4]
  split_id(token)
  if outcome ~= 'posed' and outcome ~= 'stale' and outcome ~= 'dead' or not data then
    fail('outcome: expected posed, stale or dead, and its data')
  end
  local entry = pending(key, token)
  if not entry or entry.consumer ~= consumer then
    return { 'lost', entry and entry.consumer or '' }
  end
  local work = token_fields(key, token)
  if not work then
    redis.call('XACK', key('work'), GROUP, token)
    return { 'lost', '' }
  end
  if outcome == 'dead' then
    local failures = tonumber(redis.call('HGET', key('state', work.camera), 'failures:' .. work.id) or 0)
    settle_dead(key, token, work, data, args[5] or '', failures + 1)
  else
    settle(key, token, work, outcome, data)
  end
  return { 'finished' }
end

--[[ heartbeat <consumer> [token …]: "still here, and still at these". Answers the tokens that are still its own. ]]
local function heartbeat(keys, args)
  local key = shard_keys(keys)
  local consumer = args[1] or fail('consumer: missing')
  for i = 2, #args do
    split_id(args[i])
  end
  redis.call('ZADD', key('workers'), server_ms(), consumer)
  local kept = {}
  for i = 2, #args do
    local entry = pending(key, args[i])
    if entry and entry.consumer == consumer then
      redis.call('XCLAIM', key('work'), GROUP, consumer, 0, args[i], 'JUSTID')
      kept[#kept + 1] = args[i]
    end
  end
  return kept
end

-- One more failed delivery: dead-letters the frame when that was the last one allowed, and tells so.
local function count_failure(key, token, work, max_deliveries, reason, error_text)
  local state = key('state', work.camera)
  local failures = redis.call('HINCRBY', state, 'failures:' .. work.id, 1)
  if failures >= max_deliveries then
    settle_dead(key, token, work, reason, error_text, failures)
    return true
  end
  redis.call('HSET', state, 'error:' .. work.id, error_text)
  return false
end

--[[ release <consumer> <token> <max deliveries> [error text]: gives a token back, to be reclaimed at once. With an error
this delivery counts as failed. Answers {released} · {dead} · {lost, present owner or ''}. ]]
local function release(keys, args)
  local key = shard_keys(keys)
  local consumer, token, max_deliveries = args[1], args[2], whole(args[3], 'max deliveries')
  split_id(token)
  local entry = pending(key, token)
  if not entry or entry.consumer ~= consumer then
    return { 'lost', entry and entry.consumer or '' }
  end
  local work = token_fields(key, token)
  if work and args[4] and count_failure(key, token, work, max_deliveries, 'failed', args[4]) then
    return { 'dead' }
  end
  redis.call('XCLAIM', key('work'), GROUP, RELEASED, 0, token, 'IDLE', RELEASED_IDLE_MS, 'JUSTID')
  return { 'released' }
end

--[[ reclaim <consumer> <idle ms> <max deliveries>: takes over one token whose owner gave it back or has been silent for
that long; the latter counts as a failed delivery. Frames that have failed too often become dead letters on the way.
Answers {claimed, token, failed deliveries, camera, id, seq, policy, expires} · {none}. ]]
local function reclaim(keys, args)
  local key = shard_keys(keys)
  local consumer, idle, max_deliveries = args[1], whole(args[2], 'idle'), whole(args[3], 'max deliveries')
  for _ = 1, 16 do
    local found = attempt('NOGROUP', 'XPENDING', key('work'), GROUP, 'IDLE', idle, '-', '+', 1)
    if not found or not found[1] then
      return { 'none' }
    end
    local token, owner = found[1][1], found[1][2]
    local work = token_fields(key, token)
    if not work then
      redis.call('XACK', key('work'), GROUP, token)
    elseif owner == RELEASED
        or not count_failure(key, token, work, max_deliveries, 'crashed', 'worker ' .. owner .. ' went silent') then
      redis.call('XCLAIM', key('work'), GROUP, consumer, 0, token, 'JUSTID')
      local failures = redis.call('HGET', key('state', work.camera), 'failures:' .. work.id) or '0'
      return { 'claimed', token, failures, work.camera, work.id, work.seq, work.policy, work.expires }
    end
  end
  return { 'none' }
end

--[[ retire <idle ms> [consumer]: removes the consumer, or every one not heard of for that long, if it has nothing in
hand. Answers how many went. ]]
local function retire(keys, args)
  local key = shard_keys(keys)
  local idle = whole(args[1], 'idle')
  local gone, now = 0, server_ms()
  local exists = redis.call('EXISTS', key('work')) == 1
  local consumers = exists and attempt('NOGROUP', 'XINFO', 'CONSUMERS', key('work'), GROUP)
  for _, listed in ipairs(consumers or {}) do
    local info = to_map(listed)
    local heard = tonumber(redis.call('ZSCORE', key('workers'), info.name) or 0)
    local departed = info.idle >= idle and now - heard >= idle
    if info.pending == 0 and (args[2] == info.name or (not args[2] and departed)) then
      redis.call('XGROUP', 'DELCONSUMER', key('work'), GROUP, info.name)
      gone = gone + 1
    end
  end
  if args[2] then
    redis.call('ZREM', key('workers'), args[2])
  else
    redis.call('ZREMRANGEBYSCORE', key('workers'), '-inf', now - idle)
  end
  return gone
end

-- Tracker: lead, publish ---------------------------------------------------------------------------------------------

--[[ lead <holder> <lease ms>: takes or renews the right to publish; a lease of 0 gives it up.
Answers {leading, epoch, how many leaders in a row, this one included, have not published anything} ·
{standby, holder, ms left}. ]]
local function lead(keys, args)
  local key = shard_keys(keys)
  local holder, lease = args[1] or '', whole(args[2], 'lease')
  local now = server_ms()
  local tracker = fields(key('tracker'), { 'holder', 'epoch', 'expires', 'fruitless' })
  local expires = tonumber(tracker.expires) or 0
  if tracker.holder ~= holder and (expires > now or lease == 0) then
    return { 'standby', tracker.holder or '', math.max(0, expires - now) }
  end
  local epoch, fruitless = tonumber(tracker.epoch) or 0, tonumber(tracker.fruitless) or 0
  if tracker.holder ~= holder then
    epoch, fruitless = math.max(now, epoch + 1), fruitless + 1
  end
  if lease == 0 then  -- who leaves in good order has not been brought down by a record
    fruitless = 0
  end
  redis.call('HSET', key('tracker'), 'holder', holder, 'epoch', string.format('%.0f', epoch), 'expires', now + lease,
             'fruitless', fruitless)
  return { 'leading', string.format('%.0f', epoch), fruitless }
end

--[[ try <epoch> <camera> <record>: says that this record is looked at now, in case that ends the tracker.
Answers {trying, how often this record has been tried} · {mismatch, epoch, present}. ]]
local function try_record(keys, args)
  local key = shard_keys(keys)
  local camera = camera_name(args[2])
  split_id(args[3])
  local epoch = redis.call('HGET', key('tracker'), 'epoch') or ''
  if epoch == '' or epoch ~= args[1] then
    return { 'mismatch', 'epoch', epoch }
  end
  local record, tries = string.match(redis.call('HGET', key('state', camera), 'trying') or '', '^(%S+) (%d+)$')
  tries = record == args[3] and tonumber(tries) + 1 or 1
  redis.call('HSET', key('state', camera), 'trying', args[3] .. ' ' .. tries)
  return { 'trying', tries }
end

-- The cameras' blocks of a publish call, parsed and checked against the state: nil and an answer when something is off.
local function publication(key, args)
  local blocks, seen, at = {}, {}, 3
  while at <= #args do
    local block = { camera = camera_name(args[at]), released = args[at + 2], tracker = args[at + 3], records = {} }
    local count = whole(args[at + 4], 'records')
    if seen[block.camera] then
      fail('camera: ' .. block.camera .. ' twice in one call')
    end
    seen[block.camera] = true
    local state = fields(key('state', block.camera), { 'admitted', 'released', 'published_id' })
    if not state.admitted or (state.released or '0') ~= args[at + 1] then
      return nil, { 'mismatch', 'released', block.camera, state.admitted and (state.released or '0') or '' }
    end
    whole(block.released, 'released')
    -- Never added, as no entry has this id; but a missing permission comes out before anything has changed.
    attempt('greater than 0%-0', 'XADD', key('poses', block.camera), 'NOMKSTREAM', '0-0', 'pose', '')
    local last = state.published_id or '0-0'
    at = at + 5
    for _ = 1, count do
      local record = { entry = args[at], id = args[at + 1], outcome = args[at + 2], pose = args[at + 3] }
      if not record.pose or not OUTCOMES[record.outcome] then
        fail('record: expected its id, the frame id, an outcome and a pose')
      end
      split_id(record.entry)
      if record.outcome == 'posed' then
        if not id_less(last, record.id) then
          return nil, { 'mismatch', 'order', block.camera, last }
        end
        last = record.id
      end
      block.records[#block.records + 1] = record
      at = at + 4
    end
    block.published_id = last
    blocks[#blocks + 1] = block
  end
  return blocks
end

-- What the tracker could not make sense of becomes a dead letter, too: with the pose message in place of the image,
-- which is gone.
local function bury_record(key, camera, record)
  local entry = redis.call('XRANGE', key('results'), record.entry, record.entry)[1]
  local stored = entry and to_map(entry[2])
  if stored and stored.outcome == 'posed' then
    keep_letter(key, { 'camera', camera, 'id', record.id, 'seq', stored.seq, 'reason', 'untrackable',
                       'error', record.pose, 'deliveries', 0, 'pose', stored.data })
  end
end

local function publish_record(key, camera, record, retain)
  if record.outcome == 'dead' then
    bury_record(key, camera, record)
  end
  if redis.call('XDEL', key('results'), record.entry) == 0 then
    return 0
  end
  local outcome = record.outcome
  if outcome == 'posed' then
    local added = redis.pcall('XADD', key('poses', camera), 'MAXLEN', '~', retain, record.id, 'pose', record.pose)
    -- Only somebody else's entry can stand in the way here; the stream is past this frame then, whoever moved it.
    if type(added) == 'table' and added.err then
      outcome = 'late'
    end
  end
  redis.call('HINCRBY', key('state', camera), outcome, 1)
  redis.call('HINCRBY', key('state', camera), 'records', -1)
  return 1
end

--[[ publish <epoch> <retain> then per camera
<camera> <released seq believed> <released seq from now on> <tracker state> <n> and n times
<record> <frame id> <outcome> <pose or ''>: all of it, or nothing. A frame's outcome is counted here and only here.
A record that says posed may be published as dead, with an error text in place of the pose: a dead letter `untrackable`.
Answers {published, records} · {mismatch, epoch, present} · {mismatch, released|order, camera, present}. ]]
local function publish(keys, args)
  local key = shard_keys(keys)
  local retain = whole(args[2], 'retain')
  local epoch = redis.call('HGET', key('tracker'), 'epoch') or ''
  if epoch == '' or epoch ~= args[1] then
    return { 'mismatch', 'epoch', epoch }
  end
  local blocks, answer = publication(key, args)
  if not blocks then
    return answer
  end
  local published = 0
  for _, block in ipairs(blocks) do
    for _, record in ipairs(block.records) do
      published = published + publish_record(key, block.camera, record, retain)
    end
    redis.call('HSET', key('state', block.camera), 'released', block.released, 'tracker', block.tracker,
               'published_id', block.published_id)
    redis.call('HDEL', key('state', block.camera), 'trying')
  end
  if published > 0 then
    redis.call('HSET', key('tracker'), 'fruitless', 0)
  end
  return { 'published', published }
end

-- Operator: status, remove, requeue, purge, version ----------------------------------------------------------------------------------

local STATUS_FIELDS = { 'admitted', 'posed', 'superseded', 'stale', 'late', 'dead', 'records', 'bytes', 'seq',
                        'released', 'last_id', 'policy', 'holder', 'lease_until', 'refused_held', 'refused_gap',
                        'refused_order', 'refused_ahead', 'refused_missing', 'refused_full', 'refused_backlog' }

--[[ status [camera …]: one consistent look at these cameras, or at all of them.
Answers {now, shard facts, {camera, tokens, waiting, heard of, state field, value, …}, …}. ]]
local function status(keys, args)
  local key = shard_keys(keys)
  local delivered = '(' .. last_delivered(key)
  local limit = limits(key)
  local tracker = fields(key('tracker'), { 'holder', 'epoch', 'expires' })
  local now = server_ms()
  local answer = { now, {
    'work', redis.call('XLEN', key('work')), 'results', redis.call('XLEN', key('results')),
    'dead', redis.call('XLEN', key('dead')), 'bytes', limit.bytes, 'max_records', limit.max_records,
    'max_bytes', limit.max_bytes, 'max_dead_bytes', limit.max_dead_bytes, 'tracker', tracker.holder or '',
    'epoch', tracker.epoch or '0', 'tracker_until', tracker.expires or '0', 'workers', redis.call('ZCOUNT', key('workers'), now - ALIVE_MS, '+inf') } }
  for _, camera in ipairs(#args > 0 and args or redis.call('ZRANGE', key('cameras'), 0, -1)) do
    local tokens = key('tokens', camera_name(camera))
    local row = { camera, redis.call('ZCARD', tokens), redis.call('ZCOUNT', tokens, delivered, '+inf'),
                  redis.call('ZSCORE', key('cameras'), camera) or '0' }
    local values = redis.call('HMGET', key('state', camera), unpack(STATUS_FIELDS))
    for i, name in ipairs(STATUS_FIELDS) do
      if values[i] then
        row[#row + 1] = name
        row[#row + 1] = values[i]
      end
    end
    answer[#answer + 1] = row
  end
  return answer
end

local function remove_entries(stream, camera)
  local from = '-'
  repeat
    local entries = redis.call('XRANGE', stream, from, '+', 'COUNT', 200)
    for _, entry in ipairs(entries) do
      if to_map(entry[2]).camera == camera then
        redis.call('XDEL', stream, entry[1])
      end
      from = '(' .. entry[1]
    end
  until #entries == 0
end

--[[ remove <camera> <force 0|1>: takes a camera and everything of it away at once.
Answers {removed} · {unknown} · {refused, held, detail, now}. ]]
local function remove(keys, args)
  local key = shard_keys(keys)
  local camera = camera_name(args[1])
  local now = server_ms()
  local state = fields(key('state', camera), { 'holder', 'lease_until', 'bytes' })
  local holder, left = held_by_other(state, '', now)
  if holder and args[2] ~= '1' then
    return { 'refused', 'held', holder .. ' for ' .. string.format('%.0f', left) .. ' ms', now }
  end
  local tokens = redis.call('ZRANGE', key('tokens', camera), 0, -1, 'WITHSCORES')
  for i = 2, #tokens, 2 do
    local token = token_id(tonumber(tokens[i]))
    redis.call('XACK', key('work'), GROUP, token)
    redis.call('XDEL', key('work'), token)
  end
  remove_entries(key('results'), camera)
  remove_entries(key('dead'), camera)
  if tonumber(state.bytes or 0) ~= 0 then  -- minus zero is no whole number to Redis 7.0
    redis.call('HINCRBY', key('shard'), 'bytes', -tonumber(state.bytes))
  end
  local known = redis.call('ZREM', key('cameras'), camera)
  known = known + redis.call('UNLINK', key('frames', camera), key('tokens', camera), key('poses', camera),
                             key('state', camera), key('camera', camera))
  return { known > 0 and 'removed' or 'unknown' }
end

-- The smallest id that is larger than a camera's last one and not in the past.
local function id_after(last_id, now)
  local ms, n = split_id(last_id)
  local present = string.format('%.0f', now)
  if decimal_less(ms, present) then
    return present .. '-0'
  end
  return ms .. '-' .. string.format('%.0f', tonumber(n) + 1)
end

--[[ requeue <dead letter>: admits its frame again, as a new frame of the camera; the letter goes. A live frame that is
requeued does not grow stale. Answers {requeued, camera, id, seq} · {unknown} · {refused, image|camera|backlog, detail, now}:
no image was kept, the camera is gone, or the shard is full. ]]
local function requeue(keys, args)
  local key = shard_keys(keys)
  split_id(args[1])
  local now = server_ms()
  local entry = redis.call('XRANGE', key('dead'), args[1], args[1])[1]
  if not entry then
    return { 'unknown' }
  end
  local letter = to_map(entry[2])
  local state = fields(key('state', letter.camera), { 'last_id', 'policy' })
  if not letter.image or letter.image == '' then
    return { 'refused', 'image', letter.reason, now }
  elseif not state.policy then
    return { 'refused', 'camera', letter.camera, now }
  end
  local limit = limits(key)
  if redis.call('XLEN', key('work')) + redis.call('XLEN', key('results')) >= limit.max_records then
    return { 'refused', 'backlog', 'records', now }
  elseif limit.bytes + #letter.image > limit.max_bytes then
    return { 'refused', 'backlog', 'bytes', now }
  end
  local id = id_after(state.last_id or '0-0', now)
  redis.call('XADD', key('frames', letter.camera), id, 'image', letter.image, 'meta', letter.meta or '')
  local seq = add_token(key, letter.camera, id, state.policy, 0)
  measure(key, letter.camera)
  redis.call('XDEL', key('dead'), args[1])
  return { 'requeued', letter.camera, id, seq }
end

--[[ purge <camera or ''> [dead letter …]: removes these letters, or all of the camera's, or all. Answers how many. ]]
local function purge(keys, args)
  local key = shard_keys(keys)
  local before = redis.call('XLEN', key('dead'))
  if #args > 1 then
    redis.call('XDEL', key('dead'), unpack(args, 2))
  elseif args[1] and args[1] ~= '' then
    remove_entries(key('dead'), camera_name(args[1]))
  else
    redis.call('XTRIM', key('dead'), 'MAXLEN', 0)
  end
  return before - redis.call('XLEN', key('dead'))
end

local function version()
  return VERSION
end

-- What drains the shard or holds a lease must work when memory is short; only admit may be refused for it.
redis.register_function{ function_name = 'posestream1_admit', callback = admit }
redis.register_function{ function_name = 'posestream1_register', callback = register, flags = { 'allow-oom' } }
redis.register_function{ function_name = 'posestream1_end', callback = end_run, flags = { 'allow-oom' } }
redis.register_function{ function_name = 'posestream1_finish', callback = finish, flags = { 'allow-oom' } }
redis.register_function{ function_name = 'posestream1_heartbeat', callback = heartbeat, flags = { 'allow-oom' } }
redis.register_function{ function_name = 'posestream1_release', callback = release, flags = { 'allow-oom' } }
redis.register_function{ function_name = 'posestream1_reclaim', callback = reclaim, flags = { 'allow-oom' } }
redis.register_function{ function_name = 'posestream1_retire', callback = retire, flags = { 'allow-oom' } }
redis.register_function{ function_name = 'posestream1_lead', callback = lead, flags = { 'allow-oom' } }
redis.register_function{ function_name = 'posestream1_publish', callback = publish, flags = { 'allow-oom' } }
redis.register_function{ function_name = 'posestream1_remove', callback = remove, flags = { 'allow-oom' } }
redis.register_function{ function_name = 'posestream1_try', callback = try_record, flags = { 'allow-oom' } }
redis.register_function{ function_name = 'posestream1_requeue', callback = requeue }
redis.register_function{ function_name = 'posestream1_purge', callback = purge, flags = { 'allow-oom' } }
redis.register_function{ function_name = 'posestream1_unfinished', callback = unfinished_count,
                         flags = { 'no-writes' } }
redis.register_function{ function_name = 'posestream1_status', callback = status, flags = { 'no-writes' } }
redis.register_function{ function_name = 'posestream1_version', callback = version, flags = { 'no-writes' } }
