package main

import (
	"path/filepath"
	"testing"
)

func TestCluster_Lacking_NothingIsDone(t *testing.T) {
	t.Parallel()
	for resource, want := range map[string]string{
		"services.serving.knative.dev":          "the cluster has no services.serving.knative.dev: install Knative Serving and Eventing",
		"triggers.eventing.knative.dev":         "the cluster has no triggers.eventing.knative.dev",
		"prometheusrules.monitoring.coreos.com": "the cluster has no prometheusrules.monitoring.coreos.com: install the Prometheus operator",
	} {
		c := newCluster(t, settings{})
		c.remove("crd/" + resource + ".json")
		c.deploy(nil, "--monitoring").want(t, 1, want)
		wantUntouched(t, c)
	}
}

func TestCluster_NoStartAtZero_Said(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	c.configure("PUBLIC_URL: https://data.example.com", `example: 'initial-scale: "0"'`)
	c.deploy(nil).want(t, 0)
	c.remove("configmap/knative-serving/config-autoscaler.json")
	c.deploy(nil).want(t, 1, "starts functions at zero, which this cluster does not allow yet; allow it with:\n  kubectl -n knative-serving patch")
}

func TestCluster_Unreachable_KubectlsMessageIsPassedOn(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{Fails: map[string]string{"version": "The connection to the server localhost:8080 was refused"}})
	c.deploy(nil, "verify").want(t, 1, "deploy: kubectl reaches no cluster: ", "The connection to the server localhost:8080 was refused")
}

// A failure is no absence: a secret that cannot be read is not made again.
func TestCluster_FailingKubectl_MessageIsPassedOn(t *testing.T) {
	t.Parallel()
	for call, message := range map[string]string{
		"get --ignore-not-found -o json -n aic-data secret migrate-secret": `Error from server (Forbidden): secrets "migrate-secret" is forbidden`,
		"crd services.serving.knative.dev":                                 "Error from server (Forbidden): customresourcedefinitions",
		"create -f -":                                                      "Error from server: etcdserver: request timed out",
		"apply --server-side":                                              "error: Apply failed with 1 conflict",
		"kustomize ":                                                       "error: accumulating resources",
		"delete job migrate":                                               "error: timed out waiting for the condition on jobs/migrate",
		"port-forward":                                                     "error: unable to forward port because pod is not running",
	} {
		c := newCluster(t, settings{Fails: map[string]string{call: message}})
		c.deploy(nil).want(t, 1, "deploy: kubectl ", message)
	}
}

func TestCallers_KourierTrustsThem_Changed(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	c.config("knative-serving", "config-kourier", "other", "kept")
	c.deploy(nil).want(t, 0, `Kourier: use-remote-address: "true"`)
	if calls := c.calls("patch"); len(calls) != 1 {
		t.Errorf("Kourier is changed by %q", calls)
	}
	c.config("knative-serving", "config-kourier", "use-remote-address", "false")
	c.deploy(nil).want(t, 1, `config-kourier in knative-serving sets use-remote-address: "false"`)
}

func TestCallers_NoKourier_NotChanged(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	c.remove("namespace/kourier-system.json")
	c.remove(filepath.Join("service", "kourier-system", "kourier-internal.json"))
	c.remove("configmap/knative-serving/config-kourier.json")
	c.deploy(nil).want(t, 0, "not called: that takes Kourier in the cluster")
}
