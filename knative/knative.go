// Package knative embeds the API description. The folder contains the Kustomize bases that deploy
// each function as a Knative Service.
package knative

import _ "embed"

// OpenAPI describes the whole API (OpenAPI 3.1, YAML). It is generated from the catalog.
//
//go:embed openapi.yaml
var OpenAPI []byte
