#!/bin/sh
# Installs what the project needs besides Go, git, make and curl: a C compiler with the C++ runtime
# library, which DuckDB links, and a PostgreSQL server. With --test, it also installs what only the
# tests need: a Redis or Valkey server, Chromium, Prometheus' promtool, Azurite, Java, Python
# packages, and OpenSearch. It returns quickly if everything is installed. `make` runs it first.
set -eu
cd "$(dirname "$0")/.."

minimum_postgres=14
cluster_settings=/etc/postgresql-common/createcluster.d # on Debian
service_policy=/usr/sbin/policy-rc.d                    # on Debian
own_policy=

say() { printf 'setup: %s\n' "$*" >&2; }
fail() {
	say "$@"
	exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

# as_root runs a command as root, if possible.
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

# apt_install installs packages on Debian or Ubuntu. It updates the package lists only if the
# installation fails without that.
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

# install_command prints the command that installs a package on this system. Its arguments are the
# package names for apt-get, dnf, pacman, apk and brew.
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
		fail "$(go version) is too old: $(sed -n 's/^go /Go /p' go.mod) or newer is required; get it from https://go.dev/dl/ ($said)"
	fi
}

# has_compiler checks for the compiler that Go calls, the C library's startup code and the C++
# library.
has_compiler() {
	cc=$(go env CC)
	# shellcheck disable=SC2086 # CC may contain options
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
		fail "a C compiler is required; install it with: xcode-select --install"
	fi
	if apt_install g++ libc6-dev && has_compiler; then
		return
	fi
	fail "a C compiler with libstdc++ is required; install it with: $(install_command g++ gcc-c++ gcc g++ gcc)"
}

# has_postgres searches the same directories as shared/postgres.
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

# install_postgres installs PostgreSQL without a running server. Debian's package creates and starts
# a cluster unless it is configured otherwise during the installation.
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

# restore removes the settings that were made for the duration of an installation.
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
		fail "PostgreSQL $minimum_postgres or newer is required; install it with: $command"
	fi
	say "PostgreSQL is not installed, so a copy will be downloaded to your cache directory. To use the system's instead: $command"
}

has_redis() { has redis-server || has valkey-server; }

# install_idle installs Debian's package of a server without starting the server. The package starts
# it unless a policy forbids that during the installation.
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
	fail "the tests require a Redis or Valkey server; install it with: $(install_command redis-server valkey valkey valkey valkey)"
}

# has_chromium looks for the same programs as functions/users/passkeysbrowser_test.go.
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
	fail "the tests require Chromium or Chrome; install it with: $(install_command chromium chromium chromium chromium '--cask chromium')"
}

ensure_promtool() {
	if has promtool || { install_idle prometheus && has promtool; }; then
		return
	fi
	fail "the tests require Prometheus' promtool; install it with: $(install_command prometheus golang-github-prometheus prometheus prometheus prometheus)"
}

azurite_version=3.37.0

cache_dir() {
	if [ "$(uname)" = Darwin ]; then
		echo "$HOME/Library/Caches"
	else
		echo "${XDG_CACHE_HOME:-$HOME/.cache}"
	fi
}

# ensure_azurite installs the emulator of Azure Blob Storage in the user's cache directory, where
# shared/objects/objectstest searches for it. Without it, the tests skip Azure, except in CI.
ensure_azurite() {
	dir=$(cache_dir)/azurite-$azurite_version
	[ ! -x "$dir/node_modules/.bin/azurite-blob" ] || return 0
	if has npm || { apt_install nodejs npm && has npm; }; then
		say "installing Azurite in $dir"
		log=$(mktemp)
		rm -rf "$dir.new"
		mkdir -p "$dir.new"
		if (cd "$dir.new" && npm install --no-audit --no-fund --omit=dev "azurite@$azurite_version") >"$log" 2>&1 &&
			rm -rf "$dir" && mv "$dir.new" "$dir"; then
			rm -f "$log"
			return 0
		fi
		cat "$log" >&2
		rm -f "$log"
	fi
	command=$(install_command "nodejs npm" nodejs "nodejs npm" "nodejs npm" node)
	[ -z "${CI:-}" ] || fail "the tests require Azurite, an npm package; install npm with: $command"
	say "the tests will skip Azure Blob Storage, because Azurite, an npm package, is not installed; install npm with: $command"
}

python_clients_version=4 # increase it when scripts/python-clients.txt changes

# ensure_python_clients installs clients of S3 and Iceberg (Spark needs Java), and readers of ORC, in the user's cache directory,
# where the tests search for them (shared/platformtest). Without them, the tests skip them, except in CI.
ensure_python_clients() {
	dir=$(cache_dir)/python-clients-$python_clients_version
	[ ! -e "$dir/complete" ] || return 0
	log=$(mktemp)
	if { python3 -m venv --help >"$log" 2>&1 || apt_install python3 python3-venv; } &&
		{ java -version >"$log" 2>&1 || apt_install openjdk-17-jre-headless; }; then
		say "installing Python packages in $dir"
		rm -rf "$dir"
		if { python3 -m venv "$dir" || { apt_install python3-venv && python3 -m venv "$dir"; }; } >"$log" 2>&1 &&
			"$dir/bin/pip" install -q -r scripts/python-clients.txt >>"$log" 2>&1 && touch "$dir/complete"; then
			rm -f "$log"
			return 0
		fi
		cat "$log" >&2
	fi
	rm -f "$log"
	[ -z "${CI:-}" ] || fail "the tests require Python 3.11 or later with venv and pip, and Java 17 or later"
	say "the tests will skip clients written in Python, because Python 3.11 or later with venv and pip, or Java 17 or later, is not installed"
}

opensearch_version=2.19.6

# ensure_opensearch installs the packages that scripts/opensearch.xml lists in the user's cache directory, where
# shared/platformtest searches for them. pyspark brings Apache Ivy, which fetches them. Without them, the tests skip search servers, except in CI.
ensure_opensearch() {
	dir=$(cache_dir)/opensearch-$opensearch_version
	[ ! -d "$dir" ] || return 0
	say "installing OpenSearch in $dir"
	log=$(mktemp)
	rm -rf "$dir.new"
	for ivy in "$(cache_dir)/python-clients-$python_clients_version"/lib/python3*/site-packages/pyspark/jars/ivy-*.jar; do
		if java -jar "$ivy" -cache "$dir.new/cache" -ivy scripts/opensearch.xml -retrieve "$dir.new/[conf]/[artifact]-[revision].[ext]" >"$log" 2>&1 &&
			rm -rf "$dir.new/cache" && mv "$dir.new" "$dir"; then
			rm -f "$log"
			return 0
		fi
	done
	cat "$log" >&2
	rm -f "$log"
	[ -z "${CI:-}" ] || fail "the tests require OpenSearch, which Apache Ivy could not fetch"
	say "the tests will skip search servers, because OpenSearch is not installed: Java 17 or later and the Python packages above are required"
}

check_go
ensure_compiler
ensure_postgres
if [ "${1:-}" = --test ]; then
	ensure_redis
	ensure_chromium
	ensure_promtool
	ensure_azurite
	ensure_python_clients
	ensure_opensearch
fi
