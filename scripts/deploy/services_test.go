package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDeploy_All_InOrder(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	c.deploy(nil, "--monitoring").want(t, 0, "migrations", "  1/1 ready", "address of callers: a forged X-Forwarded-For is not believed", "done")
	const apply = "apply --server-side --force-conflicts --field-manager=deploy-data-services "
	want := []string{
		"-f knative/base/namespace.yaml",
		"-f knative/stores/postgresql/namespace.yaml",
		"-k knative/stores/postgresql",
		"-k knative/stores/object-storage",
		"-f - -l app.kubernetes.io/component notin (migrate, eventing, users, datasets, analytics, compliance, platform, gateway)",
		"-f - -l app.kubernetes.io/component=migrate",
		"-f - -l app.kubernetes.io/component=users",
		"-f - -l app.kubernetes.io/component=datasets",
		"-f - -l app.kubernetes.io/component=analytics",
		"-f - -l app.kubernetes.io/component=compliance",
		"-f - -l app.kubernetes.io/component=platform",
		"-f - -l app.kubernetes.io/component=gateway",
		"-f - -l app.kubernetes.io/component=eventing",
		"-k knative/monitoring",
	}
	var got []string
	for _, call := range c.calls("apply") {
		got = append(got, strings.TrimPrefix(call, apply))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if calls := c.calls("rollout"); len(calls) != 4 || calls[0] != "-n aic-platform rollout status statefulset/postgresql --timeout=600s" || calls[3] != "-n aic-data rollout status statefulset/object-storage --timeout=5s" {
		t.Errorf("stores are waited for by %q", calls)
	}
}

func TestServices_BeforeDatabases_Refused(t *testing.T) {
	t.Parallel()
	newCluster(t, settings{}).deploy(nil, "services").want(t, 1, "the secrets are missing: run scripts/deploy-data-services.sh databases")
}

func TestMigrations_OfThisImage_RunOnce(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	c.deploy(nil).want(t, 0)
	c.deploy(nil).want(t, 0, "migrations: done by this image")
	c.deploy(nil, "--image", "registry/aic:2").want(t, 0)
	c.deploy(nil, "--image", "registry/aic:1", "--keep-schema").want(t, 0)
	if calls := c.calls("delete"); len(calls) != 2 {
		t.Errorf("two images are migrated by %q", calls)
	}
}

func TestMigrations_Failed_Explained(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{Migrations: "Failed"})
	c.deploy(nil).want(t, 1, "describe of migrate", "its pods:", "logs of", "deploy: job migrate is not ready: it has failed")
}

func TestMigrations_TooLong_Explained(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{Migrations: "Suspended"})
	c.deploy(nil, "--timeout", "1").want(t, 1, "describe of migrate", "deploy: job migrate is not ready: it took longer than 1s")
}

func TestServices_NotReady_Explained(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{Unready: true})
	c.deploy(nil, "--timeout", "1").want(t, 1, "  0/1 ready", "not ready: Service users-ser False", "deploy: Service.v1.serving.knative.dev users-ser is not ready: it took longer than 1s")
	if calls := c.calls("logs"); len(calls) != 1 || !strings.Contains(calls[0], "-l serving.knative.dev/service=users-ser") {
		t.Errorf("its logs are asked for by %q", calls)
	}
}

func TestStores_NotReady_Explained(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{Fails: map[string]string{"rollout": "error: timed out waiting for the condition"}})
	c.deploy(nil, "databases").want(t, 1, "error: timed out waiting for the condition", "describe of postgresql", "deploy: statefulset postgresql is not ready")
	c.deploy(nil, "verify").want(t, 1, "deploy: store postgresql is not ready")
}
