// Command generate writes the files derived from the catalog: a Knative Service for each
// function, with the secrets and labels of what it uses, a Trigger for each subscription, a
// PingSource for each schedule, the routes to each operation, and the API's description.
// `make generate` runs it from the project's root; `make check` runs it again and compares.
package main

import (
	"bytes"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"function/functions"
	"function/shared/function"
	"function/shared/runtime"
)

//go:embed templates
var templates embed.FS

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	services, triggers, schedules, routes, commands := newFolder("service.yaml"), newFolder("trigger.yaml"), newFolder("schedule.yaml"), newFolder("route.yaml"), newFolder("command.yaml")
	for _, d := range functions.Catalog {
		component := componentOf(d)
		for _, name := range d.Services() {
			services.add(name, map[string]any{
				"Name": name, "Component": component, "Scale": d.Scale, "Labels": labelsOf(d.Reaches()), "Secrets": secretsOf(d.Reaches(), component),
			})
		}
		if own := function.Routes([]function.Declaration{d}); len(own) > 0 {
			routes.add(d.Name, map[string]any{"Service": d.Name, "Matches": matches(own), "Timeout": own[0].Timeout})
		} else if d.Signed {
			routes.add(d.Name, map[string]any{"Service": d.Name, "Signed": true, "Timeout": d.Scale.Timeout})
		}
		for _, eventType := range d.Subscriptions {
			triggers.add(triggerName(d, eventType), map[string]any{"Service": d.Name, "Type": eventType})
		}
		if d.Schedule != nil {
			schedules.add(d.Name, map[string]any{"Service": d.Name, "Schedule": *d.Schedule})
		}
	}
	for _, c := range functions.Commands {
		commands.add(c.Name, map[string]any{"Name": c.Name, "Component": c.Domain, "Labels": labelsOf(c.Uses), "Secrets": secretsOf(c.Uses, c.Domain)})
	}
	for path, f := range map[string]*folder{
		"knative/commands":         commands,
		"knative/base/services":    services,
		"eventing/base/triggers":   triggers,
		"eventing/base/schedules":  schedules,
		"knative/routes/functions": routes,
	} {
		if err := f.write(filepath.Join(root, path)); err != nil {
			return err
		}
	}
	if err := writeRules(filepath.Join(root, "knative/monitoring")); err != nil {
		return err
	}
	if err := writeTable(filepath.Join(root, "functions/platform/gateway/routes.go"), function.Routes(functions.Catalog)); err != nil {
		return err
	}
	openapi, err := runtime.Describe(functions.Catalog).YAML()
	if err != nil {
		return fmt.Errorf("describe the API: %w", err)
	}
	return os.WriteFile(filepath.Join(root, "knative/openapi.yaml"), openapi, 0o644)
}

// triggerName returns the function's name, followed by the event's if it has several subscriptions.
func triggerName(d function.Declaration, eventType string) string {
	if len(d.Subscriptions) == 1 {
		return d.Name
	}
	words := strings.Split(eventType, ".") // …, domain, event, version
	event := words[len(words)-2]
	return d.Name + "-" + strings.ReplaceAll(event, "_", "-")
}

// folder is a folder of generated manifests: one file each, and a kustomization that lists them.
type folder struct {
	template string
	names    []string
	values   []map[string]any
}

func newFolder(template string) *folder { return &folder{template: template} }

func (f *folder) add(name string, values map[string]any) {
	values["File"] = name
	f.names, f.values = append(f.names, name), append(f.values, values)
}

func (f *folder) write(path string) error {
	if err := os.RemoveAll(path); err != nil {
		return fmt.Errorf("empty %s: %w", path, err)
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", path, err)
	}
	parsed, err := template.ParseFS(templates, "templates/*.yaml")
	if err != nil {
		return err
	}
	for i, name := range f.names {
		if err := render(parsed, f.template, filepath.Join(path, name+".yaml"), f.values[i]); err != nil {
			return err
		}
	}
	return render(parsed, "kustomization.yaml", filepath.Join(path, "kustomization.yaml"), f.names)
}

func render(parsed *template.Template, name, path string, values any) error {
	var out bytes.Buffer
	if err := parsed.ExecuteTemplate(&out, name, values); err != nil {
		return fmt.Errorf("render %s: %w", path, err)
	}
	return os.WriteFile(path, out.Bytes(), 0o644)
}
