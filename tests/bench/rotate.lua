-- Script for wrk that requests paths in turn: `wrk … URL -- FORMAT COUNT FIRST`. FORMAT is a path
-- that contains %d, which is replaced by the numbers from FIRST to FIRST + COUNT - 1 in turn. Each
-- thread begins at a different number.

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
