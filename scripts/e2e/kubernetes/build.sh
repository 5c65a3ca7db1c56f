# Kubernetes in one program, and the container that holds a pod together.
version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
flags="-X k8s.io/component-base/version.gitVersion=$version -X k8s.io/client-go/pkg/version.gitVersion=$version"
compile "$OUT/hyperkube" ./hyperkube "$flags"
(cd "$ROOT" && compile "$OUT/pause" ./scripts/e2e/pause)
image dev.local/pause:e2e /pause="$OUT/pause"
