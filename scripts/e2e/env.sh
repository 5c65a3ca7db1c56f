# Names and helpers shared by the scripts of make e2e. Sourced, never run.
E2E=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$E2E/../.." && pwd)
CACHE=${E2E_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/aic-data-e2e}
CGROUP=aic-e2e
MODULES="kubernetes knative network policies storage"

say() { printf 'e2e: %s\n' "$*" >&2; }
fail() {
	say "$@"
	exit 1
}

# cached prints the folder for what a nested module builds, named by a hash of all its inputs.
cached() {
	local key
	key=$(cd "$E2E" && { go version; find build.sh archive pause "$1" -type f -print0 | sort -z | xargs -0 cat; } | sha256sum)
	echo "$CACHE/$1-${key:0:16}"
}

# unpacked prints the folder of a containerd that contains the images of all modules.
unpacked() {
	local key
	key=$(for each in $MODULES; do cached "$each"; done | sha256sum)
	echo "$CACHE/images-${key:0:16}"
}
