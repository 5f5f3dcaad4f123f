-- For wrk: asks for one path after the other, `wrk … URL -- FORMAT COUNT FIRST`. FORMAT is a path
-- with a place for a number (%d), of which there are COUNT from FIRST on, again and again. Each
-- thread begins at another one.

local threads = 0

function setup(thread)
    thread:set("thread_number", threads)
    threads = threads + 1
end

function init(arguments)
    path_format = arguments[1]
    count = tonumber(arguments[2])
    first = tonumber(arguments[3])
    number = math.floor(count / 2) * thread_number
end

function request()
    number = (number + 1) % count
    return wrk.format(nil, string.format(path_format, first + number))
end
