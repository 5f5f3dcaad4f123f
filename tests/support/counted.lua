-- Load for wrk with an exact number of requests: each thread requests PATH COUNT times, with a unique
-- request id each time, and then FILLER, so that no counted request is in progress at the end.
--
--     wrk … -s counted.lua URL -- PATH FILLER COUNT
--
-- Each thread prints the number of responses for PATH by status as soon as it has received all of
-- them. wrk may then be interrupted, and prints the total number of responses.

local threads = 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

function init(arguments)
    path, filler, wanted = arguments[1], wrk.format("GET", arguments[2]), tonumber(arguments[3])
    asked, answered, counts = 0, 0, {}
end

-- wrk does not send the first request of the first thread; it only inspects it.
function request()
    local is_inspected = number == 0 and not inspected
    inspected = true
    if is_inspected or asked == wanted then
        return filler
    end
    asked = asked + 1
    return wrk.format("GET", path, {["X-Request-ID"] = "counted-" .. number .. "-" .. asked})
end

-- Responses of nginx itself have the request id as well.
function response(status, headers)
    if not string.find(headers["X-Request-ID"] or "", "counted-", 1, true) then
        return
    end
    answered = answered + 1
    counts[status] = (counts[status] or 0) + 1
    if answered == wanted then
        local line = "counted:"
        for each, count in pairs(counts) do
            line = line .. " " .. each .. "=" .. count
        end
        io.stdout:write(line .. "\n")
        io.stdout:flush()
        wrk.thread:stop()
    end
end

function done(summary)
    io.stdout:write("answers: " .. summary.requests .. "\n")
end
