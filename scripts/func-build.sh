#!/usr/bin/env bash
# Builds the project with the host builder of the knative.dev/func CLI, without a container engine,
# registry or base image. Writes an OCI image layout to .func/oci.
#
#   FUNC_PLATFORMS  os/architecture (linux/amd64); any other needs its C compiler in CC
#   GOBIN           directory for the CLI (.local/tools)
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
tools=${GOBIN:-$root/.local/tools}
source=$root/.func/source
export FUNC_PLATFORMS=${FUNC_PLATFORMS:-linux/amd64}

mkdir -p "$tools"
(cd "$root/scripts/func" && go build -trimpath -ldflags '-s -w' -o "$tools/func" .)

# The host builder packs everything under the function's root into the image, ignores .funcignore
# and .gitignore, and refuses absolute links. So give it a copy of the files that are, or would be,
# under version control.
rm -rf "$source" "$root/.func/oci"
mkdir -p "$source"
git -C "$root" ls-files -z --cached --others --exclude-standard --exclude=.func |
  (cd "$root" && while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done) |
  tar -C "$root" --null --files-from=- -cf - | tar -C "$source" -xf -

cd "$source"
FUNC_ENABLE_HOST_BUILDER=true FUNC_GO_PATH=$root/scripts/func/go \
  "$tools/func" build --builder=host --push=false --path "$source"
mv "$(readlink -f .func/builds/last)/oci" "$root/.func/oci"
rm -rf "$source"

echo "image $root/.func/oci: $(du -sh "$root/.func/oci" | cut -f1) compressed, for $FUNC_PLATFORMS"
