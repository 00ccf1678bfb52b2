-- bartizan_gcra_v1: the counts of all machines (spec/kms-throttling.md 4.1, 10).
-- KEYS[i]; ARGV, four for each: microseconds of a cell, tolerance in microseconds, cells that are owed (below
-- zero: given back), cells that are wanted. Answers two numbers for each: cells that are leased, microseconds
-- until all cells would be back. Times begin with 2026, so that a double holds fractions of a microsecond.
local time = redis.call('TIME')
local now = (time[1] - 1767225600) * 1000000 + time[2]
local answer = {}
for i, key in ipairs(KEYS) do
  local at = (i - 1) * 4
  local cell, tolerance = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local owed, want = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local tat = tonumber(redis.call('GET', key) or '0')
  if owed > 0 then
    -- Nobody is in debt for longer than an hour.
    local most = math.max(now + tolerance + 3600000000, tat)
    tat = math.min(math.max(tat, now) + cell * owed, most)
  elseif owed < 0 then
    tat = tat + cell * owed
  end
  local from = math.max(tat, now)
  local cells = math.floor((now + tolerance - from) / cell + 1.000001)
  cells = math.max(math.min(cells, want), 0)
  if cells > 0 then tat = from + cell * cells end
  if tat > now then
    redis.call('SET', key, string.format('%.3f', tat), 'PX', string.format('%.0f', math.ceil((tat - now) / 1000)))
  else
    redis.call('DEL', key)
  end
  answer[i * 2 - 1] = cells
  answer[i * 2] = math.ceil(math.max(tat - now, 0))
end
return answer
