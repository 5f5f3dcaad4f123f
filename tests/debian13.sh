#!/bin/sh
# Runs a command, `make test` if none is given, in a root of Debian 13 on a host of any Debian:
#
#   sh tests/debian13.sh [COMMAND …]
#
# The root is build/debian13, or the folder that DEBIAN13_ROOT names. It is made if it is not there,
# which takes a minute, and kept: remove it to get newer packages. The command runs in a clone of the
# last commit, as root, and installs its packages itself (tests/packages.sh): 3 GB, the first time.
# Debian's archives, certificates, resolver and proxies are those of the host.
#
# The exit status is that of the command, and so is the last line: the sum of the tests. What failed is
# in the root's /tmp until the next run. The network is the host's: tests take free addresses, and so do
# those beside which they run.
#
# Mounts and processes have namespaces of their own. Nothing is to be undone: both are gone as soon as
# the command has ended or this script was killed.
set -eu
cd "$(dirname "$0")/.."

release=trixie
root=$(realpath -m "${DEBIAN13_ROOT:-build/debian13}")

fail() {
    echo "debian13.sh: $*" >&2
    exit 1
}

# The first archive with that label among the host's own; none is empty.
archive() { # label
    apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
        sed -n "s/^Debian|$1|//p" | head -n 1
}

make_root() {
    mirror=$(archive Debian)
    [ -n "$mirror" ] || fail "apt has no archive of Debian: run apt-get update"
    echo "Making a root of Debian 13 in $root"
    rm -rf "$root.new"
    eval "$(apt-config shell http_proxy Acquire::http::Proxy)"
    http_proxy=${http_proxy-} unshare --mount debootstrap --variant=minbase --include=make,ca-certificates \
        "$release" "$root.new" "$mirror" >"$root.log" 2>&1 || {
        tail -n 20 "$root.log" >&2
        fail "debootstrap failed"
    }
    security=$(archive Debian-Security)
    {
        echo "deb $mirror $release main"
        echo "deb $mirror $release-updates main"
        [ -z "$security" ] || echo "deb $security $release-security main"
    } >"$root.new/etc/apt/sources.list"
    mv "$root.new" "$root"
}

# What the host has for its network may have changed since the last run.
take_settings() {
    cp /etc/hosts /etc/resolv.conf "$root/etc/"
    cp -R /usr/local/share/ca-certificates "$root/usr/local/share/"
    apt-config dump | grep -E '^Acquire::(Check-|Retries|https?::)' >"$root/etc/apt/apt.conf.d/90host" || true
}

copy_checkout() {
    [ -z "$(git status --porcelain)" ] || echo 'What is not committed is not tested.'
    rm -rf "$root/root/kontora"
    git clone -q --no-hardlinks . "$root/root/kontora"
    find "$root/tmp" -xdev -mindepth 1 -delete
}

[ "$(id -u)" -eq 0 ] || fail "only root can make and enter a root"
[ $# -gt 0 ] || set -- make test
mkdir -p "$(dirname "$root")"
exec 9>"$root.lock"
flock -n 9 || fail "$root is in use"
[ -e "$root/etc/debian_version" ] || make_root
take_settings
copy_checkout

for name in TERM http_proxy https_proxy no_proxy npm_config_registry; do
    eval "value=\${$name-}"
    [ -z "$value" ] || set -- "$name=$value" "$@"
done

# The root is a mount of its own, because tests make mount namespaces, for which / has to be one.
# The shell inside is the first process of its namespace: it adopts orphans, and reaps them while it
# waits. A Ctrl-C is for the command alone, which clears up; `unshare` waits for it.
exec unshare --mount --pid --fork --kill-child sh -euc '
    root=$1
    shift
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs none "$root/dev/shm"
    enter() {
        env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
            chroot "$root" sh -c "cd /root/kontora && exec env \"\$@\"" sh "$@"
    }
    enter update-ca-certificates >/dev/null 2>&1
    set +e
    enter "$@"
    exit $?
' sh "$root" "$@"
