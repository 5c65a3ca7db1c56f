#!/usr/bin/env bash
# Tests the platform on a real Kubernetes with real Knative: builds what is not in the cache, starts
# a one-node cluster in its own namespaces (network, mounts, processes), deploys, tests, prints the
# figures, and restores the machine's state.
#
#   E2E_CACHE=DIR     where builds are cached (default: ~/.cache/aic-data-e2e)
#   E2E_RUN=REGEXP    which tests to run (default: all)
#   E2E_ROUNDS=N      cold starts of each function (default: 10)
#   E2E_KEEP=1        keep the cluster afterwards, until Ctrl-C
#   E2E_BUILD_JOBS=N  parallel compilers (default: one per processor)
set -euo pipefail
. "$(dirname "$0")/env.sh"

# packages lists Debian packages, each with a program or folder that it provides.
packages=(
	containerd:containerd runc:runc etcd-server:etcd containernetworking-plugins:/usr/lib/cni/bridge
	iptables:iptables ipset:ipset conntrack:conntrack iproute2:ip openssl:openssl curl:curl jq:jq
	python3-pip:pip3
)

require() {
	[ "$(uname -s)" = Linux ] || fail "a Kubernetes node requires Linux; this is $(uname -s)"
	[ "$(id -u)" -eq 0 ] || fail "a Kubernetes node requires root for namespaces, mounts and control groups: sudo make e2e"
	[ -d /sys/fs/cgroup ] && unshare --net --mount --pid --fork true 2>/dev/null ||
		fail "a Kubernetes node requires namespaces and control groups, which this machine (a container?) does not allow"
	case $CACHE/ in /run/* | /var/*) fail "E2E_CACHE must not be under /run or /var, which are private to the cluster" ;; esac
	local missing=() p
	for p in "${packages[@]}"; do
		[ -e "${p#*:}" ] || command -v "${p#*:}" >/dev/null || missing+=("${p%%:*}")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	local install="apt-get install --no-install-recommends ${missing[*]}"
	command -v apt-get >/dev/null || fail "not installed: ${missing[*]} (names of Debian packages)"
	say "installing ${missing[*]}"
	{ apt_install "${missing[@]}" || { apt-get update && apt_install "${missing[@]}"; }; } >"$CACHE/apt.log" 2>&1 ||
		fail "could not install the missing packages (see $CACHE/apt.log): $install"
}

# apt_install installs packages without starting their services.
apt_install() {
	local policy=/usr/sbin/policy-rc.d made=""
	[ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy && made=$policy; }
	local code=0
	DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@" || code=$?
	[ -z "$made" ] || rm $made
	return $code
}

settings="vm.overcommit_memory kernel.panic kernel.panic_on_oops" # kubelet changes these for the whole machine

enter() {
	saved=$(sysctl $settings | sed 's/ = /=/')
	trap leave EXIT
	trap 'exit 130' INT TERM HUP
	local d
	for d in $(hierarchies); do
		mkdir -p "$d/$CGROUP"
		[ ! -e "$d/cpuset.cpus" ] || [ -e /sys/fs/cgroup/cgroup.controllers ] ||
			{ cat "$d/cpuset.cpus" >"$d/$CGROUP/cpuset.cpus" && cat "$d/cpuset.mems" >"$d/$CGROUP/cpuset.mems"; }
	done
}

# hierarchies prints the roots of the control groups: one, or in version 1 one per controller.
hierarchies() {
	if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
		echo /sys/fs/cgroup
	else
		find /sys/fs/cgroup -mindepth 1 -maxdepth 1 -type d
	fi
}

leave() {
	local code=$? d
	trap '' INT TERM HUP
	if [ -n "${cluster:-}" ]; then
		kill -KILL "$cluster" 2>/dev/null || : # kills every process of the cluster with it
		wait "$cluster" 2>/dev/null || :
	fi
	for d in $(hierarchies); do
		for _ in {1..50}; do # until all processes in it have ended
			[ -d "$d/$CGROUP" ] || break
			find "$d/$CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
		done
	done
	sysctl -qw $saved
	rm -rf "$CACHE/log"
	[ ! -d "$CACHE/run/log" ] || mv "$CACHE/run/log" "$CACHE/log"
	rm -rf "$CACHE/run"
	[ $code -eq 0 ] || [ $code -eq 130 ] || say "failed; the logs are in $CACHE/log"
	exit $code
}

# in_cluster SCRIPT runs a script as the first process of the cluster's namespaces, so that
# everything that it started ends with it.
in_cluster() {
	rm -rf "$CACHE/run"
	mkdir "$CACHE/run"
	setpriv --pdeathsig KILL unshare --net --mount --pid --fork --kill-child --mount-proc bash "$E2E/$1" &
	cluster=$!
	[ -z "${E2E_KEEP:-}" ] || { sleep 1 && say "enter the cluster with: nsenter -a -t $(pgrep -P $cluster)"; }
	wait $cluster
	cluster=""
}

mkdir -p "$CACHE"
exec 9>"$CACHE/lock"
flock -n 9 || fail "another run is using $CACHE; wait for it or set E2E_CACHE to another folder"
require
"$E2E/build.sh"
make -s -C "$ROOT" image
(cd "$ROOT" && go build -buildvcs=false -trimpath -o bin/ ./scripts/deploy)
(cd "$ROOT" && go test -c -tags e2e -o "$CACHE/e2e.test" ./scripts/e2e)
enter
[ -d "$(unpacked)" ] || in_cluster images.sh
in_cluster cluster.sh
