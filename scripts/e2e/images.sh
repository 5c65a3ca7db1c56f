#!/usr/bin/env bash
# Unpacks the images that build.sh made into a containerd folder; every run starts from a copy of
# it. Runs once, inside the cluster's namespaces.
set -euo pipefail
. "$(dirname "$0")/node.sh"
private_folders
say "unpacking images (once)"
shopt -s nullglob # a module may have no images
rm -rf "$CACHE"/images-*
start_containerd "$UNPACKED.part"
containerd=$!
for each in $MODULES; do
	for archive in "$(cached "$each")"/images/*.tar; do
		ctr images import "$archive" >/dev/null
	done
done
kill $containerd
wait $containerd || :
mv "$UNPACKED.part" "$UNPACKED"
