-- For wrk: asks for one path after the other, `wrk … URL -- FORMAT COUNT`. FORMAT is a path with a
-- place for a number (%d), which goes from 0 to COUNT - 1 and begins again. Each thread begins at
-- another one.

local threads = 0

function setup(thread)
    thread:set("thread_number", threads)
    threads = threads + 1
end

function init(arguments)
    path_format = arguments[1]
    count = tonumber(arguments[2])
    number = math.floor(count / 2) * thread_number
end

function request()
    number = (number + 1) % count
    return wrk.format(nil, string.format(path_format, number))
end
