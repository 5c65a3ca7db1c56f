package main

import (
	"slices"
	"strings"

	"function/shared/function"
)

// secret is a setting as a pod gets it.
type secret struct {
	function.Setting
	Secret string
}

// secretOf is the Secret that holds a setting (docs/operations.md lists them). The keys of
// user management and of data management differ: component tells whose they are.
func secretOf(use function.Use, setting, component string) string {
	switch {
	case use.Name == function.Objects.Name:
		return "data-storage-secret"
	case use.Name == function.Keys.Name && slices.Contains([]string{"datasets", "analytics"}, component):
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

// secretsOf are the settings of what is used, each once. Those of the object storage take
// precedence over a key service's of the same name.
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

// labelsOf are the labels by which network policies let a pod out: what it uses, and what
// follows from that.
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
		add("broker", owns) // it publishes what it changes
		add("https", slices.Contains([]string{function.Callers.Name, function.Keys.Name, function.Objects.Name}, use.Name))
	}
	slices.Sort(labels)
	return labels
}

// componentOf is the part of the platform that a function belongs to: its domain, but for
// the gateway, which has no database and no secret.
func componentOf(d function.Declaration) string {
	if d.Requests {
		return "gateway"
	}
	domain, _, _ := strings.Cut(d.Name, "-")
	return domain
}
