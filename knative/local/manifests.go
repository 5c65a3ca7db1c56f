package main

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"time"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"function/eventing"
)

// manifests holds what the platform uses of eventing/base: the fields of each Knative type that it
// interprets.
type manifests struct {
	triggers  []trigger
	schedules []pingSource
}

type metadata struct {
	Name string `json:"name"`
}

type reference struct {
	Ref struct {
		Kind string `json:"kind"`
		Name string `json:"name"`
	} `json:"ref"`
}

type trigger struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		Filter struct {
			Attributes map[string]string `json:"attributes"`
		} `json:"filter"`
		Subscriber reference `json:"subscriber"`
		Delivery   delivery  `json:"delivery"`
	} `json:"spec"`
}

type delivery struct {
	Retry          int       `json:"retry"`
	BackoffPolicy  string    `json:"backoffPolicy"`
	BackoffDelay   string    `json:"backoffDelay"`
	DeadLetterSink reference `json:"deadLetterSink"`
}

type pingSource struct {
	Metadata metadata `json:"metadata"`
	Spec     struct {
		Schedule string    `json:"schedule"`
		Timezone string    `json:"timezone"`
		Sink     reference `json:"sink"`
	} `json:"spec"`
}

// readManifests renders eventing/base as for a cluster.
func readManifests() (manifests, error) {
	files := filesys.MakeFsInMemory()
	err := fs.WalkDir(eventing.Manifests, "base", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(eventing.Manifests, path)
		if err != nil {
			return err
		}
		return files.WriteFile(path, content)
	})
	if err != nil {
		return manifests{}, fmt.Errorf("read manifests: %w", err)
	}
	rendered, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(files, "base")
	if err != nil {
		return manifests{}, fmt.Errorf("render manifests: %w", err)
	}
	var m manifests
	for _, resource := range rendered.Resources() {
		content, err := resource.AsYAML()
		if err != nil {
			return m, fmt.Errorf("render %s: %w", resource.GetName(), err)
		}
		switch resource.GetKind() {
		case "Trigger":
			var t trigger
			err = yaml.Unmarshal(content, &t)
			m.triggers = append(m.triggers, t)
		case "PingSource":
			var s pingSource
			err = yaml.Unmarshal(content, &s)
			m.schedules = append(m.schedules, s)
		}
		if err != nil {
			return m, fmt.Errorf("read %s: %w", resource.GetName(), err)
		}
	}
	return m, nil
}

var isoSeconds = regexp.MustCompile(`^PT[0-9.]+S$`)

// backoff returns the delay before retry n, counted from 0.
func (d delivery) backoff(n int) time.Duration {
	if !isoSeconds.MatchString(d.BackoffDelay) {
		return 0
	}
	delay, err := time.ParseDuration(strings.ToLower(strings.TrimPrefix(d.BackoffDelay, "PT")))
	switch {
	case err != nil:
		return 0
	case d.BackoffPolicy == "exponential":
		return delay << n
	default:
		return delay * time.Duration(n+1)
	}
}
