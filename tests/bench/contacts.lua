-- Script for wrk that creates contacts: `wrk … URL -- RUN`. Each contact has a unique email address;
-- RUN makes the addresses of several runs on one database different.

local threads = 0

function setup(thread)
    thread:set("thread_number", threads)
    threads = threads + 1
end

function init(arguments)
    run = arguments[1]
    number = 0
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/json"
end

function request()
    number = number + 1
    return wrk.format(nil, nil, nil, string.format(
        '{"name":"Анна Петрова %d","email":"petrova.%s.%d.%d@example.com",' ..
        '"phone":"+7 (495) %03d-%02d-%02d","company":"ООО «Ромашка»","position":"Директор",' ..
        '"notes":"Звонить после обеда"}', number, run, thread_number, number,
        math.floor(number / 10000) % 1000, math.floor(number / 100) % 100, number % 100))
end
