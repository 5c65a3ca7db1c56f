# The enforcer of network policies: kube-router, of which only the firewall runs.
compile "$OUT/kube-router" github.com/cloudnativelabs/kube-router/v2/cmd/kube-router
