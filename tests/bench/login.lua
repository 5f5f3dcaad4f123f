-- Script for wrk that logs in: `wrk … URL -- BODY`. A client whose login is refused tries again
-- after the time in Retry-After, as the API asks of it.

local wait_ms = 0

function init(arguments)
    wrk.method = "POST"
    wrk.body = arguments[1]
    wrk.headers["Content-Type"] = "application/json"
end

function response(_, headers)
    wait_ms = (tonumber(headers["Retry-After"]) or 0) * 1000
end

function delay()
    return wait_ms
end
