#!/bin/sh
# Installs the missing Debian packages for a purpose, on Debian 12 and Debian 13:
#
#   sh tests/packages.sh build | serve | run | test | debian13 | bench | lint | fuzz
#
# Prints nothing if all packages are installed. Installing requires root. Services of the packages
# are not started: `make run` and the tests start their own servers on their own addresses.
set -eu

build='gcc make libc6-dev libfcgi-dev libldap-dev libjson-c-dev libjwt-dev libssl-dev libcrypt-dev
    libmagic-dev libsqlite3-dev libpq-dev libcurl4-openssl-dev libexpat1-dev zlib1g-dev libicu-dev
    libcrack2-dev cracklib-runtime pkg-config'

# Packages for a host in production.
serve="$build nginx openssl"

# npm builds the documentation pages. Packages of Node.js from other sources include npm.
command -v npm >/dev/null || npm='nodejs npm'

run="$build ${npm-} nginx openssl curl python3 python3-samba samba-ad-dc samba-ad-provision
    ldb-tools"

# From systemd, only systemd-analyze is used, which works without a running systemd. The nftables
# rules are tested in a network namespace.
test="$run libcmocka-dev python3-pytest python3-requests python3-ldap python3-jwt ldap-utils wrk
    postgresql sqlite3 procps git python3-prometheus-client python3-jsonschema ceph-mon ceph-osd
    radosgw prometheus chromium systemd nftables iproute2"

# Tools that create a root file system of Debian 13.
debian13='debootstrap util-linux git'

# Libraries of the reference services.
bench="$test python3-fastapi python3-ldap3 python3-uvicorn python3-sqlalchemy python3-aiosqlite
    python3-greenlet g++"

lint="$build clang-format clang-tidy cppcheck git python3"

fuzz="$build clang libclang-rt-dev"

usage() {
    echo 'usage: sh tests/packages.sh build|serve|run|test|debian13|bench|lint|fuzz' >&2
    exit 2
}

[ $# -eq 1 ] || usage
case $1 in
build) wanted=$build ;;
serve) wanted=$serve ;;
run) wanted=$run ;;
test) wanted=$test ;;
debian13) wanted=$debian13 ;;
bench) wanted=$bench ;;
lint) wanted=$lint ;;
fuzz) wanted=$fuzz ;;
*) usage ;;
esac

# Prints the wanted packages that are not installed, one per line.
list_missing() {
    # shellcheck disable=SC2086  # one word per package
    {
        dpkg-query -W -f '${Package} ${db:Status-Status}\n' $wanted 2>/dev/null || true
        printf '%s wanted\n' $wanted
    } | awk '$2 == "installed" { has[$1] = 1 } $2 == "wanted" && !has[$1] { print $1 }'
}

packages=$(list_missing)
[ -n "$packages" ] || exit 0

if [ "$(id -u)" -ne 0 ]; then
    # shellcheck disable=SC2086
    echo "These packages are missing; install them, or run this as root:" $packages >&2
    exit 1
fi

# The lock serializes `make run` and `make test`, which may start together on a new host.
exec 9>/run/lock/kontora-packages
flock 9
packages=$(list_missing)
[ -n "$packages" ] || exit 0

# invoke-rc.d(8) asks this program before it starts a service; 101 means no.
policy=/usr/sbin/policy-rc.d
log=$(mktemp)
made=
clean_up() {
    rm -f "$log"
    [ -z "$made" ] || rm -f "$policy"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM
if [ ! -e "$policy" ]; then
    made=yes
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

# shellcheck disable=SC2086
echo "Installing" $packages
export DEBIAN_FRONTEND=noninteractive
apt() {
    # Waits for other users of dpkg: unattended upgrades run right after the first boot.
    apt-get -q -o DPkg::Lock::Timeout=300 "$@" </dev/null >"$log" 2>&1 9>&- || {
        cat "$log" >&2
        echo "apt-get $1 failed" >&2
        exit 1
    }
}
apt update
# shellcheck disable=SC2086
apt install -y --no-install-recommends $packages
