#!/bin/sh
# Installs what the project needs beside Go, git, make and curl: a C compiler
# with the C++ runtime library, which DuckDB links, and a PostgreSQL server; with
# --test also a Redis or Valkey server, Chromium, and Prometheus' promtool, which tests
# need and the platform does not.
# Does nothing, quickly, when all are there. `make` runs it first.
set -eu
cd "$(dirname "$0")/.."

minimum_postgres=14
cluster_settings=/etc/postgresql-common/createcluster.d # of Debian
service_policy=/usr/sbin/policy-rc.d                    # of Debian
own_policy=

say() { printf 'setup: %s\n' "$*" >&2; }
fail() {
	say "$@"
	exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

# as_root runs a command as root, if there is a way.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif ! has sudo; then
		return 1
	elif sudo -n true 2>/dev/null; then
		sudo -n "$@"
	elif [ -t 0 ] && [ -t 2 ]; then
		sudo "$@"
	else
		return 1
	fi
}

# apt_install installs packages of Debian or Ubuntu, with a fresh list of
# packages only where the present one does not do.
apt_install() {
	has apt-get || return 1
	as_root true || return 1
	say "installing $*"
	log=$(mktemp)
	if apt_get install "$@" >"$log" 2>&1 || { apt_get update && apt_get install "$@"; } >"$log" 2>&1; then
		rm -f "$log"
		return 0
	fi
	cat "$log" >&2
	rm -f "$log"
	return 1
}

apt_get() {
	as_root env DEBIAN_FRONTEND=noninteractive apt-get -qy -o DPkg::Lock::Timeout=300 --no-install-recommends "$@"
}

# install_command prints what installs something here: its packages for
# apt-get, dnf, pacman, apk and brew are the arguments.
install_command() {
	sudo=$([ "$(id -u)" -eq 0 ] || echo 'sudo ')
	if has apt-get; then
		echo "${sudo}apt-get install --no-install-recommends $1"
	elif has dnf; then
		echo "${sudo}dnf install $2"
	elif has pacman; then
		echo "${sudo}pacman -S $3"
	elif has apk; then
		echo "${sudo}apk add $4"
	else
		echo "brew install $5"
	fi
}

check_go() {
	has go || fail "Go is not on the PATH; get it from https://go.dev/dl/"
	if ! said=$(go list -m 2>&1); then
		fail "$(go version) does not do, $(sed -n 's/^go /Go /p' go.mod) or newer is needed; get it from https://go.dev/dl/ ($said)"
	fi
}

# has_compiler looks for the compiler that Go calls, the C library's start-up
# code and the C++ library.
has_compiler() {
	cc=$(go env CC)
	# shellcheck disable=SC2086 # CC may hold options
	set -- $cc
	has "$1" || return 1
	if [ "$(uname)" = Darwin ]; then
		xcode-select -p >/dev/null 2>&1
		return
	fi
	[ -e "$("$@" -print-file-name=crt1.o)" ] && [ -e "$("$@" -print-file-name=libstdc++.so)" ]
}

ensure_compiler() {
	if has_compiler; then
		return
	fi
	if [ "$(uname)" = Darwin ]; then
		fail "a C compiler is needed; install it with: xcode-select --install"
	fi
	if apt_install g++ libc6-dev && has_compiler; then
		return
	fi
	fail "a C compiler with libstdc++ is needed; install it with: $(install_command g++ gcc-c++ gcc g++ gcc)"
}

# has_postgres looks where shared/postgres does.
has_postgres() {
	for program in "$(command -v postgres || :)" /usr/lib/postgresql/*/bin/postgres /usr/pgsql-*/bin/postgres \
		/opt/homebrew/opt/postgresql@*/bin/postgres /usr/local/opt/postgresql@*/bin/postgres; do
		[ -x "$program" ] || continue
		major=$("$program" --version | sed -n 's/^[^0-9]*\([0-9]*\).*/\1/p')
		if [ "${major:-0}" -ge "$minimum_postgres" ]; then
			return 0
		fi
	done
	return 1
}

# install_postgres leaves the machine without a running server: Debian's
# package would make a cluster and start it, unless told otherwise for the
# time of its installation.
install_postgres() {
	has apt-get && as_root true || return 1
	restore_at_exit
	as_root sh -c "mkdir -p $cluster_settings && echo 'create_main_cluster = false' >$cluster_settings/function.conf" || return 1
	apt_install postgresql
}

restore_at_exit() {
	trap restore EXIT
	trap 'exit 130' INT TERM HUP
}

# restore takes away the settings that were made for the time of an installation.
restore() {
	as_root sh -c "rm -f $cluster_settings/function.conf; rmdir $cluster_settings" 2>/dev/null || :
	[ -z "$own_policy" ] || as_root rm -f $service_policy || :
	own_policy=
}

ensure_postgres() {
	if has_postgres || { install_postgres && has_postgres; }; then
		return
	fi
	command=$(install_command postgresql postgresql-server postgresql postgresql postgresql@17)
	if [ "$(id -u)" -eq 0 ]; then
		fail "PostgreSQL $minimum_postgres or newer is needed; install it with: $command"
	fi
	say "PostgreSQL is not installed: a copy is fetched into your cache directory; to have the system's: $command"
}

has_redis() { has redis-server || has valkey-server; }

# install_idle installs Debian's package of a server and leaves the machine without a
# running one: the package starts it, unless a policy forbids that for the time of its
# installation.
install_idle() {
	has apt-get && as_root true || return 1
	if [ ! -e $service_policy ]; then
		restore_at_exit
		own_policy=yes
		as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$service_policy && chmod +x $service_policy" || return 1
	fi
	apt_install "$1"
}

ensure_redis() {
	if has_redis || { install_idle redis-server && has_redis; }; then
		return
	fi
	fail "the tests need a Redis or Valkey server; install it with: $(install_command redis-server valkey valkey valkey valkey)"
}

# has_chromium looks where functions/users/passkeysbrowser_test.go does.
has_chromium() {
	for program in chromium chromium-browser google-chrome chromium-headless-shell \
		"/Applications/Chromium.app/Contents/MacOS/Chromium" "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
		if has "$program"; then
			return 0
		fi
	done
	return 1
}

ensure_chromium() {
	if has_chromium || { apt_install chromium && has_chromium; }; then
		return
	fi
	fail "the tests need Chromium or Chrome; install it with: $(install_command chromium chromium chromium chromium '--cask chromium')"
}

ensure_promtool() {
	if has promtool || { install_idle prometheus && has promtool; }; then
		return
	fi
	fail "the tests need Prometheus' promtool; install it with: $(install_command prometheus golang-github-prometheus prometheus prometheus prometheus)"
}

check_go
ensure_compiler
ensure_postgres
if [ "${1:-}" = --test ]; then
	ensure_redis
	ensure_chromium
	ensure_promtool
fi
