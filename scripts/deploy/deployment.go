package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

const (
	namespace         = "aic-data"
	platformNamespace = "aic-platform" // of the core services (docs/contract.md)
)

// deployment is one run of the command.
type deployment struct {
	options
	kubectl   kubectl
	log       io.Writer
	manifests []byte                       // rendered by prepare
	known     map[string]map[string][]byte // secrets that have been read, by namespace and name
}

func (d *deployment) say(format string, args ...any) { fmt.Fprintf(d.log, format+"\n", args...) }

func (d *deployment) run(ctx context.Context) error {
	if _, err := d.kubectl.run(ctx, nil, "version"); err != nil {
		return fmt.Errorf("kubectl reaches no cluster: %w", err)
	}
	steps := map[string][]func(context.Context) error{
		"databases": {d.deployDatabases},
		"services":  {d.prepare, d.seeCallers, d.deployServices},
		"verify":    {d.verify},
		"all":       {d.prepare, d.seeCallers, d.deployDatabases, d.deployServices, d.verify},
	}
	for _, step := range steps[d.command] {
		if err := step(ctx); err != nil {
			return err
		}
	}
	d.say("done")
	return nil
}

// prepare finds what would fail later.
func (d *deployment) prepare(ctx context.Context) error {
	if d.image == "" {
		return errors.New("there is no image: run make image, or give --image")
	}
	manifests, err := d.render(ctx)
	if err != nil {
		return err
	}
	d.manifests = manifests
	if err := d.checkKnative(ctx); err != nil {
		return err
	}
	if d.monitoring {
		if err := d.checkMonitoring(ctx); err != nil {
			return err
		}
	}
	return d.checkConfig(ctx)
}

const monitoringFolder = "knative/monitoring"

// configMap is what is read of a ConfigMap.
type configMap struct{ Data map[string]string }

func (d *deployment) checkKnative(ctx context.Context) error {
	for _, resource := range []string{"services.serving.knative.dev", "triggers.eventing.knative.dev", "pingsources.sources.knative.dev"} {
		found, err := d.kubectl.exists(ctx, "crd", resource)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf("the cluster has no %s: install Knative Serving and Eventing (https://knative.dev/docs/install/)", resource)
		}
	}
	if !bytes.Contains(d.manifests, []byte(`initial-scale: "0"`)) {
		return nil
	}
	var autoscaler configMap
	if _, err := d.kubectl.get(ctx, &autoscaler, "-n", "knative-serving", "configmap", "config-autoscaler"); err != nil {
		return err
	}
	if autoscaler.Data["allow-zero-initial-scale"] != "true" {
		return fmt.Errorf(`the overlay %s starts functions at zero, which this cluster does not allow yet; allow it with:
  kubectl -n knative-serving patch configmap config-autoscaler --type merge -p '{"data":{"allow-zero-initial-scale":"true"}}'`, d.overlay)
	}
	return nil
}

func (d *deployment) checkMonitoring(ctx context.Context) error {
	for _, resource := range []string{"scrapeconfigs.monitoring.coreos.com", "prometheusrules.monitoring.coreos.com"} {
		found, err := d.kubectl.exists(ctx, "crd", resource)
		if err != nil {
			return err
		}
		if !found {
			return fmt.Errorf(`the cluster has no %s: install the Prometheus operator,
  or leave out --monitoring and give your Prometheus knative/monitoring/prometheus.yaml and rules.yaml`, resource)
		}
	}
	return nil
}
