package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// cluster is a fake cluster and a project to deploy to it from.
type cluster struct {
	t       *testing.T
	folder  string // of the fake
	project string // with knative/ and eventing/ of the real one
	overlay string // a small one
}

// newCluster has Knative and Kourier.
func newCluster(t *testing.T, s settings) *cluster {
	t.Helper()
	c := &cluster{t, t.TempDir(), t.TempDir(), t.TempDir()}
	content, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	c.write(filepath.Join(c.folder, "settings"), string(content))
	for _, path := range []string{
		"crd//services.serving.knative.dev", "crd//triggers.eventing.knative.dev", "crd//pingsources.sources.knative.dev",
		"crd//scrapeconfigs.monitoring.coreos.com", "crd//prometheusrules.monitoring.coreos.com",
		"namespace//kourier-system", "service/kourier-system/kourier-internal",
	} {
		c.write(filepath.Join(c.folder, path+".json"), "{}")
	}
	c.config("knative-serving", "config-autoscaler", "allow-zero-initial-scale", "true")
	c.config("knative-serving", "config-kourier", "use-remote-address", "true")
	for _, name := range []string{"knative", "eventing"} {
		original, err := filepath.Abs("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(original, filepath.Join(c.project, name)); err != nil {
			t.Fatal(err)
		}
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kubectl", "deploy"} {
		if err := os.Symlink(program, filepath.Join(c.project, name)); err != nil {
			t.Fatal(err)
		}
	}
	c.configure("PUBLIC_URL: https://data.example.com")
	return c
}

// configure writes the overlay with lines of aic-data-config.
func (c *cluster) configure(lines ...string) {
	c.t.Helper()
	c.write(filepath.Join(c.overlay, "kustomization.yaml"), "resources: [all.yaml]\n")
	c.write(filepath.Join(c.overlay, "all.yaml"), `
apiVersion: v1
kind: ConfigMap
metadata: {name: aic-data-config, namespace: aic-data}
data:
  `+strings.Join(lines, "\n  ")+`
---
apiVersion: batch/v1
kind: Job
metadata: {name: migrate, namespace: aic-data}
spec:
  template:
    spec:
      containers:
      - image: aic-data
        name: migrate
`)
}

func (c *cluster) config(namespace, name, key, value string) {
	c.t.Helper()
	c.write(filepath.Join(c.folder, "configmap", namespace, name+".json"), `{"data": {"`+key+`": "`+value+`"}}`)
}

func (c *cluster) write(path, content string) {
	c.t.Helper()
	if err := write(path, []byte(content)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) remove(path string) {
	c.t.Helper()
	if err := os.Remove(filepath.Join(c.folder, path)); err != nil {
		c.t.Fatal(err)
	}
}

// setSecret makes a secret before the deployment.
func (c *cluster) setSecret(namespace, name string, values map[string]string) {
	c.t.Helper()
	data := map[string][]byte{}
	for key, value := range values {
		data[key] = []byte(value)
	}
	content, err := json.Marshal(map[string]any{"kind": "Secret", "data": data})
	if err != nil {
		c.t.Fatal(err)
	}
	c.write(filepath.Join(c.folder, "secret", namespace, name+".json"), string(content))
}

// secret is nil where there is none.
func (c *cluster) secret(namespace, name string) map[string]string {
	c.t.Helper()
	content, err := os.ReadFile(filepath.Join(c.folder, "secret", namespace, name+".json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var found struct{ Data map[string][]byte }
	if err := errors.Join(err, json.Unmarshal(content, &found)); err != nil {
		c.t.Fatal(err)
	}
	values := map[string]string{}
	for key, value := range found.Data {
		values[key] = string(value)
	}
	return values
}

// secrets are the values of all secrets by "namespace/name key".
func (c *cluster) secrets() map[string]string {
	c.t.Helper()
	paths, err := filepath.Glob(filepath.Join(c.folder, "secret/*/*.json"))
	if err != nil {
		c.t.Fatal(err)
	}
	all := map[string]string{}
	for _, path := range paths {
		namespace, name := filepath.Base(filepath.Dir(path)), strings.TrimSuffix(filepath.Base(path), ".json")
		for key, value := range c.secret(namespace, name) {
			all[namespace+"/"+name+" "+key] = value
		}
	}
	return all
}

// calls are what kubectl was called with that begins with one of the verbs, after -n.
func (c *cluster) calls(verbs ...string) []string {
	c.t.Helper()
	content, err := os.ReadFile(filepath.Join(c.folder, "calls"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		c.t.Fatal(err)
	}
	var found []string
	for call := range strings.Lines(string(content)) {
		words := strings.Fields(call)
		if words[0] == "-n" {
			words = words[2:]
		}
		if len(verbs) == 0 || slices.Contains(verbs, words[0]) {
			found = append(found, strings.TrimSpace(call))
		}
	}
	return found
}

type result struct {
	out, log string
	code     int
}

// deploy runs the command with the small overlay and an image, and with nothing in its
// environment but env.
func (c *cluster) deploy(env []string, args ...string) result {
	c.t.Helper()
	return c.run(env, append([]string{"--overlay", c.overlay, "--image", "registry/aic:1"}, args...)...)
}

func (c *cluster) run(env []string, args ...string) result {
	c.t.Helper()
	var out, log bytes.Buffer
	cmd := c.command(env, args...)
	cmd.Stdout, cmd.Stderr = &out, &log
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		c.t.Fatal(err)
	}
	return result{out.String(), log.String(), cmd.ProcessState.ExitCode()}
}

func (c *cluster) command(env []string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.project, "deploy"), args...)
	cmd.Dir = c.project
	cmd.Env = append([]string{
		"PATH=" + c.project, "FAKE_CLUSTER=" + c.folder,
		"GORACE=atexit_sleep_ms=0", // under -race, each process would otherwise sleep for a second when it ends
	}, env...)
	return cmd
}

// want fails the test unless the command ended with a code, and its log has the texts.
func (r result) want(t *testing.T, code int, texts ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("the exit code is %d, want %d:\n%s", r.code, code, r.log)
	}
	for _, text := range texts {
		if !strings.Contains(r.log, text) {
			t.Errorf("the log does not have %q:\n%s", text, r.log)
		}
	}
}
