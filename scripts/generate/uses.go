package main

import (
	"slices"
	"strings"

	"function/shared/function"
)

// secret is a setting and the Secret that holds it.
type secret struct {
	function.Setting
	Secret string
}

// secretOf returns the Secret that holds a setting (docs/operations.md lists them). User management
// and data management have different keys and document databases, so it depends on the component.
func secretOf(use function.Use, setting, component string) string {
	switch {
	case use.Name == function.Objects.Name:
		return "data-storage-secret"
	case (use.Name == function.Keys.Name || use.Name == function.Documents.Name) && slices.Contains([]string{"datasets", "analytics"}, component):
		return "data-management-secret"
	case strings.HasPrefix(setting, "DATASETS_"):
		return "data-management-secret"
	case strings.HasPrefix(setting, "ANALYTICS_"), setting == "CATALOG_DATABASE_URL", setting == "READER_DATABASE_URL":
		return "analytics-secret"
	case strings.HasPrefix(setting, "COMPLIANCE_"):
		return "compliance-secret"
	}
	return "user-management-secret"
}

// secretsOf returns the settings of all uses without duplicates. Settings of the object storage
// take precedence over a key service's settings with the same name.
func secretsOf(uses []function.Use, component string) (secrets []secret) {
	uses = slices.Clone(uses)
	if i := slices.IndexFunc(uses, func(u function.Use) bool { return u.Name == function.Objects.Name }); i > 0 {
		uses[0], uses[i] = uses[i], uses[0]
	}
	for _, use := range uses {
		for _, s := range use.Settings {
			if !slices.ContainsFunc(secrets, func(known secret) bool { return known.Name == s.Name }) {
				secrets = append(secrets, secret{s, secretOf(use, s.Name, component)})
			}
		}
	}
	slices.SortFunc(secrets, func(a, b secret) int { return strings.Compare(a.Name, b.Name) })
	return secrets
}

// labelsOf returns the labels that network policies select: one for each use, and those that follow
// from it.
func labelsOf(uses []function.Use) []string {
	var labels []string
	add := func(label string, when bool) {
		if when && !slices.Contains(labels, label) {
			labels = append(labels, label)
		}
	}
	for _, use := range uses {
		owns := strings.HasPrefix(use.Name, "owns-")
		reads := slices.Contains([]string{function.Callers.Name, function.Catalog.Name, function.Projections.Name, function.AuditTrails.Name}, use.Name)
		add(use.Name, !owns)
		add("postgresql", owns || reads)
		add("broker", owns) // it publishes events about its changes
		add("https", slices.Contains([]string{function.Callers.Name, function.Keys.Name, function.Objects.Name}, use.Name))
	}
	slices.Sort(labels)
	return labels
}

// componentOf returns the part of the platform that a function belongs to: its domain, except for
// the gateway, which has no database and no secrets.
func componentOf(d function.Declaration) string {
	if d.Requests {
		return "gateway"
	}
	domain, _, _ := strings.Cut(d.Name, "-")
	return domain
}
