#!/bin/sh
# Install the servers that the tests talk to and that do not come as Python packages: slapd.
# Needs root (or sudo without a password) only where slapd is missing. The package's own service is not started.
set -eu
PATH="$PATH:/usr/sbin:/usr/lib/openldap:/usr/libexec"
if command -v slapd >/dev/null 2>&1; then
    exit 0
fi
if [ "$(id -u)" = 0 ]; then
    as_root="env"
elif sudo -n true 2>/dev/null; then
    as_root="sudo -n env"
else
    echo "The tests need slapd (OpenLDAP's server) and this user may not install it." >&2
    echo "Install it once (Debian, Ubuntu: apt-get install slapd), then run make test again." >&2
    exit 1
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "The tests need slapd (OpenLDAP's server); install it with this system's package manager." >&2
    exit 1
fi
$as_root apt-get update -qq
$as_root DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends slapd >/dev/null
