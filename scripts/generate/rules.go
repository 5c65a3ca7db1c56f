package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

const ruleHeader = `# Generated from rules.yaml by make generate, for the Prometheus operator.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: aic-data
spec:
`

// writeRules wraps the Prometheus rules, which promtool tests, for the Prometheus operator.
func writeRules(folder string) error {
	rules, err := os.ReadFile(filepath.Join(folder, "rules.yaml"))
	if err != nil {
		return fmt.Errorf("read rules: %w", err)
	}
	wrapped := []byte(ruleHeader)
	for line := range bytes.Lines(rules) {
		wrapped = append(append(wrapped, "  "...), line...)
	}
	return os.WriteFile(filepath.Join(folder, "prometheusrule.yaml"), wrapped, 0o644)
}
