-- Script for wrk that logs in: `wrk … URL -- BODY`.

function init(arguments)
    wrk.method = "POST"
    wrk.body = arguments[1]
    wrk.headers["Content-Type"] = "application/json"
end
