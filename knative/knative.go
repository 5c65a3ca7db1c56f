// Package knative holds how functions run: a Knative Service for each, as
// Kustomize bases, and the description of the API that they answer.
package knative

import _ "embed"

// OpenAPI is the description of the whole API (OpenAPI 3.1, YAML), generated from
// the catalog.
//
//go:embed openapi.yaml
var OpenAPI []byte
