// Package eventing embeds the Kustomize bases of the broker, a Trigger for each subscription
// and a PingSource for each schedule. The local platform interprets the same files that a
// cluster applies.
package eventing

import "embed"

// Manifests contains the folder base.
//
//go:embed base
var Manifests embed.FS
