-- Script for wrk that checks and issues tokens: `wrk … URL -- PREFIX FILE SHARE`. Checks the tokens
-- of FILE, one on each line, in turn at PREFIX/app/valid/TOKEN; one request in SHARE issues a new
-- token instead (0: none, 1: all).

local threads = 0

function setup(thread)
    thread:set("thread_number", threads)
    threads = threads + 1
end

function init(arguments)
    local prefix = arguments[1]
    checks, share, number = {}, tonumber(arguments[3]), 0
    for token in io.lines(arguments[2]) do
        checks[#checks + 1] = wrk.format("GET", prefix .. "/app/valid/" .. token)
    end
    issue = wrk.format("POST", prefix .. "/app/token")
    number = math.floor(#checks / 2) * thread_number
end

function request()
    number = number + 1
    if share > 0 and number % share == 0 then
        return issue
    end
    return checks[number % #checks + 1]
end
