#!/bin/sh
# Enables HTTP/2 in a file of the site, with the syntax of the installed nginx:
#
#   sh http2.sh FILE
#
# nginx 1.25.1 (Debian 13) introduced the directive `http2` and deprecated the parameter of
# `listen`, the only syntax of older versions (Debian 12). Changes nothing else; a no-op if the file
# has the right syntax. Run it again after an upgrade of Debian.
set -eu

[ $# -eq 1 ] || {
    echo 'usage: sh http2.sh FILE' >&2
    exit 64
}
version=$(nginx -v 2>&1 | sed -n 's,^nginx version: nginx/\([0-9.]*\).*,\1,p')
[ -n "$version" ] || {
    echo 'http2.sh: nginx -v: cannot read the version' >&2
    exit 69
}

if printf '1.25.1\n%s\n' "$version" | sort -C -V; then
    # Insert the directive once, after the last `listen` of the server.
    edit='/^ *listen .* http2/ { sub(/ http2/, ""); due = 1 }
        due && !/^ *listen / { print "    http2 on;"; due = 0 }
        { print }'
else
    edit='/^ *http2 on;/ { next }
        /^ *listen .* ssl/ && !/ http2/ { sub(/ ssl/, " ssl http2") }
        { print }'
fi
made=$(awk "$edit" "$1")
printf '%s\n' "$made" | cmp -s - "$1" || printf '%s\n' "$made" >"$1"
