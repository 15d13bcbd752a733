#!/bin/sh
# Give the tests the servers that do not come as Python packages: slapd, redis-server, etcd, memcached, chronyd,
# nats-server and consul. Quick where they are there already; what cannot be had is named, and its tests fail by name.
#
# slapd is installed, for which root (or sudo without a password) is needed, and its service is not started. The others
# are unpacked into .cache/servers and never installed: no service of theirs can start, chrony takes no other program's
# place, and nobody needs to be root. NATS and Consul come from other suites of the same distribution, by the system's
# own sources with another suite's name in them.
set -eu
PATH="$PATH:/usr/sbin:/usr/local/sbin:/usr/lib/openldap:/usr/libexec"
here=$(cd "$(dirname "$0")/../.." && pwd)/.cache/servers
state="$here/apt"
PATH="$here/usr/sbin:$here/usr/bin:$PATH"

here_already() { command -v "$1" >/dev/null 2>&1; }

# The newer one: before 2.11 a key with a time to live stayed for ever.
nats_is_new_enough() {
    here_already nats-server && nats-server --version | sed 's/[^0-9]*//' | {
        IFS=. read -r major minor _
        [ "$major" -gt 2 ] || { [ "$major" = 2 ] && [ "$minor" -ge 11 ]; }
    }
}

# apt with lists and archives of its own, under a name: `own_apt NAME OPTION... COMMAND`. The system's are left alone.
own_apt() {
    folder="$state/$1"
    shift
    mkdir -p "$folder/lists/partial" "$folder/cache/archives/partial"
    apt-get -qq -o Dir::State::lists="$folder/lists" -o Dir::Cache="$folder/cache" -o APT::Sandbox::User=root \
        -o Debug::NoLocking=true -o Acquire::Retries=3 "$@"
}

unpack() {
    for archive in "$@"; do
        [ ! -e "$archive" ] || dpkg-deb --extract "$archive" "$here"
    done
}

# From the system's own suite, with whatever libraries the system lacks: `unpack_own PACKAGE...`.
unpack_own() {
    own_apt own --yes --download-only --reinstall --no-install-recommends install "$@" >/dev/null || return 1
    for package in "$@" 'lib*'; do
        # shellcheck disable=SC2086
        unpack "$state"/own/cache/archives/${package}_*.deb
    done
}

# From another suite, by itself (these are Go programs that need nothing): `unpack_from SUITE PACKAGE`. A suite that has
# come to rest is past its date; its signature is checked all the same.
unpack_from() {
    suite="$1" package="$2"
    address=$(own_apt own indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Label: Debian' | sort -u | head -n 1)
    [ -n "$address" ] || return 1
    mkdir -p "$state/$suite"
    keys=$(ls /usr/share/keyrings/debian-archive-keyring.* 2>/dev/null | head -n 1)
    echo "deb ${keys:+[signed-by=$keys]} $address $suite main" >"$state/$suite/sources.list"
    from="-o Dir::Etc::sourcelist=$state/$suite/sources.list -o Dir::Etc::sourceparts=/dev/null -o Acquire::Check-Valid-Until=false"
    # shellcheck disable=SC2086
    own_apt "$suite" $from update && (cd "$state/$suite" && own_apt "$suite" $from download "$package") &&
        unpack "$state/$suite/$package"_*.deb
}

missing() { echo "The tests need $1, and it could not be had here. $2 Its tests will fail until then." >&2; }

fetch_missing() {
    own=""
    here_already redis-server || own="$own redis-tools redis-server"
    here_already etcd || own="$own etcd-server"
    here_already memcached || own="$own memcached"
    here_already chronyd || own="$own chrony"
    if [ -z "$own" ] && nats_is_new_enough && here_already consul; then
        return
    fi
    if ! here_already apt-get; then
        missing "redis-server, etcd, memcached, chronyd, nats-server (2.11 or newer) and consul" \
            "Install them with this system's package manager, or set CONSUL_HTTP_ADDR to a running Consul."
        return
    fi
    echo "Fetching servers for the tests into .cache/servers (once)."
    own_apt own update || true
    # shellcheck disable=SC2086
    [ -z "$own" ] || unpack_own $own || missing "${own# }" "Install these packages."
    nats_is_new_enough || unpack_from sid nats-server ||
        missing "nats-server 2.11 or newer" "Put one on PATH."
    here_already consul || [ -n "${CONSUL_HTTP_ADDR:-}" ] || unpack_from bullseye consul ||
        missing consul "Put it on PATH, or set CONSUL_HTTP_ADDR to a running one (http://127.0.0.1:8500)."
    rm -rf "$state"
}

install_slapd() {
    if [ "$(id -u)" = 0 ]; then
        as_root="env"
    elif sudo -n true 2>/dev/null; then
        as_root="sudo -n env"
    else
        echo "The tests need slapd (OpenLDAP's server) and this user may not install it." >&2
        echo "Install it once (Debian, Ubuntu: apt-get install slapd), then run make test again." >&2
        exit 1
    fi
    if ! here_already apt-get; then
        echo "The tests need slapd (OpenLDAP's server); install it with this system's package manager." >&2
        exit 1
    fi
    $as_root apt-get update -qq
    $as_root DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends slapd >/dev/null
}

fetch_missing
here_already slapd || install_slapd
