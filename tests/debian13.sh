#!/bin/sh
# Runs a command, by default `make test`, in a root file system of Debian 13 on any Debian host:
#
#   sh tests/debian13.sh [COMMAND …]
#
# The root is build/debian13, or the folder that DEBIAN13_ROOT names. It is created if it does not
# exist, which takes a minute, and kept: remove it to get newer packages. The command runs as root
# in a clone of the last commit, and installs its packages itself (tests/packages.sh): 3 GB, the
# first time. The root uses the package archives, certificates, resolver and proxies of the host.
#
# The exit status and the last line, the summary of the tests, are those of the command. Files of
# failed tests stay in the root's /tmp until the next run. The root shares the network of the host:
# concurrent runs do not collide, because all tests use free addresses.
#
# Mounts and processes have their own namespaces, which end with the command, or if this script is
# killed: nothing is left to clean up.
set -eu
cd "$(dirname "$0")/.."

release=trixie
root=$(realpath -m "${DEBIAN13_ROOT:-build/debian13}")

fail() {
    echo "debian13.sh: $*" >&2
    exit 1
}

# Prints the host's first archive with that label; prints nothing if there is none.
archive() { # label
    apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
        sed -n "s/^Debian|$1|//p" | head -n 1
}

make_root() {
    mirror=$(archive Debian)
    [ -n "$mirror" ] || fail "apt: no archive of Debian found: run apt-get update"
    echo "Creating a root of Debian 13 in $root"
    rm -rf "$root.new"
    eval "$(apt-config shell http_proxy Acquire::http::Proxy)"
    http_proxy=${http_proxy-} unshare --mount debootstrap --variant=minbase \
        --include=make,ca-certificates "$release" "$root.new" "$mirror" >"$root.log" 2>&1 || {
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

# Copies the host's network settings, which may have changed since the last run.
take_settings() {
    cp /etc/hosts /etc/resolv.conf "$root/etc/"
    cp -R /usr/local/share/ca-certificates "$root/usr/local/share/"
    apt-config dump | grep -E '^Acquire::(Check-|Retries|https?::)' \
        >"$root/etc/apt/apt.conf.d/90host" || true
}

copy_checkout() {
    [ -z "$(git status --porcelain)" ] || echo 'debian13.sh: uncommitted changes are not tested'
    rm -rf "$root/root/kontora"
    git clone -q --no-hardlinks . "$root/root/kontora"
    find "$root/tmp" -xdev -mindepth 1 -delete
}

[ "$(id -u)" -eq 0 ] || fail "must be run as root"
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

# The root is a mount point, because tests call `unshare --mount`, which refuses any other root.
# The inner shell is process 1 of its namespace: it adopts orphans, and reaps them while it waits.
# Only the command handles Ctrl-C, and cleans up; `unshare` waits for it.
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
