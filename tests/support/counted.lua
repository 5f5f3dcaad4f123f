-- Load for wrk that knows what it has asked: each thread asks COUNT times for PATH, each time with an
-- identifier of its own, and then for FILLER, so that nothing that counts is under way at its end.
--
--     wrk … -s counted.lua URL -- PATH FILLER COUNT
--
-- Each thread prints how often PATH was answered with which status, as soon as it knows; wrk may then
-- be interrupted, and prints how many answers there were in all.

local threads = 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

function init(arguments)
    path, filler, wanted = arguments[1], wrk.format("GET", arguments[2]), tonumber(arguments[3])
    asked, answered, counts = 0, 0, {}
end

-- The first of the first thread is not sent: wrk only looks at it.
function request()
    local looked_at = number == 0 and not looked
    looked = true
    if looked_at or asked == wanted then
        return filler
    end
    asked = asked + 1
    return wrk.format("GET", path, {["X-Request-ID"] = "counted-" .. number .. "-" .. asked})
end

-- nginx's own answers carry the identifier too.
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
