package main

import (
	"fmt"
	"runtime/debug"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// billOfMaterials lists the contents of the image, as SPDX 2.3.
func billOfMaterials(src source, digest v1.Hash, info *debug.BuildInfo, libraries []component) any {
	const document, root = "SPDXRef-DOCUMENT", "SPDXRef-image"
	packages := []map[string]any{{
		"SPDXID": root, "name": "aic-data", "versionInfo": src.tag(), "downloadLocation": "NOASSERTION", "primaryPackagePurpose": "CONTAINER",
		"checksums": []map[string]string{{"algorithm": "SHA256", "checksumValue": digest.Hex}},
	}}
	relationships := []map[string]string{{"spdxElementId": document, "relationshipType": "DESCRIBES", "relatedSpdxElement": root}}
	for i, c := range append(modules(info), libraries...) {
		id := fmt.Sprintf("SPDXRef-%d", i+1)
		packages = append(packages, map[string]any{
			"SPDXID": id, "name": c.name, "versionInfo": c.version, "downloadLocation": "NOASSERTION",
			"externalRefs": []map[string]string{{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": c.purl}},
		})
		relationships = append(relationships, map[string]string{"spdxElementId": root, "relationshipType": "CONTAINS", "relatedSpdxElement": id})
	}
	return map[string]any{
		"spdxVersion": "SPDX-2.3", "SPDXID": document, "name": "aic-data " + src.tag(), "dataLicense": "CC0-1.0",
		"documentNamespace": "urn:sha256:" + digest.Hex,
		"creationInfo":      map[string]any{"created": src.time.Format(time.RFC3339), "creators": []string{"Tool: scripts/image"}},
		"packages":          packages, "relationships": relationships,
	}
}

// provenance describes how the image was built, as an in-toto statement with SLSA provenance 1.0.
// It is unsigned; whoever builds images for others should sign it.
func provenance(src source, digest v1.Hash, info *debug.BuildInfo, libraries []component) any {
	var dependencies []map[string]any
	dependencies = append(dependencies, map[string]any{"name": "source", "uri": "git+file:aic-data", "digest": map[string]string{"gitCommit": src.commit}})
	for _, c := range append(modules(info), libraries...) {
		dependencies = append(dependencies, map[string]any{"name": c.name, "uri": c.purl})
	}
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	return map[string]any{
		"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://slsa.dev/provenance/v1",
		"subject": []map[string]any{{"name": "aic-data", "digest": map[string]string{digest.Algorithm: digest.Hex}}},
		"predicate": map[string]any{
			"buildDefinition": map[string]any{
				"buildType":            "https://go.dev/cmd/go",
				"externalParameters":   map[string]any{"commit": src.commit, "changed": src.changed, "package": info.Path},
				"internalParameters":   map[string]any{"go": info.GoVersion, "settings": settings},
				"resolvedDependencies": dependencies,
			},
			"runDetails": map[string]any{"builder": map[string]string{"id": "urn:aic-data:scripts/image"}},
		},
	}
}
