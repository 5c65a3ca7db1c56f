// Package eventing holds how news travels: the broker, a Trigger for each
// subscription and a PingSource for each schedule, as Kustomize bases. The local
// platform interprets the very files that a cluster applies.
package eventing

import "embed"

// Manifests is this folder.
//
//go:embed base
var Manifests embed.FS
