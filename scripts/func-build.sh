#!/usr/bin/env bash
# Builds the project with the host builder of the knative.dev/func CLI: no
# container engine, no registry, no base image. Leaves an OCI image layout in
# .func/oci.
#
#   FUNC_PLATFORMS  os/architecture (linux/amd64); another needs its C compiler in CC
#   GOBIN           where the CLI is kept (.local/tools)
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
tools=${GOBIN:-$root/.local/tools}
source=$root/.func/source
export FUNC_PLATFORMS=${FUNC_PLATFORMS:-linux/amd64}

mkdir -p "$tools"
(cd "$root/scripts/func" && go build -trimpath -ldflags '-s -w' -o "$tools/func" .)

# The host builder packs everything under the function's root into the image,
# heeds neither .funcignore nor .gitignore, and refuses absolute links: give it
# a copy of what is under version control, or would be.
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
