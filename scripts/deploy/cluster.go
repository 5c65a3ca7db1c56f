package main

import (
	"bytes"
	"context"
	"fmt"
)

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
