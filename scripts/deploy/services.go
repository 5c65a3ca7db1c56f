package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// domains are deployed in this order: the gateway comes when it has something to call.
var domains = []string{"users", "datasets", "analytics", "compliance", "platform", "gateway"}

const (
	functionKind = "services.serving.knative.dev"
	eventKinds   = "brokers,triggers,pingsources"
)

func (d *deployment) deployServices(ctx context.Context) error {
	d.say("configuration, accounts, networks")
	if err := d.applySelected(ctx, fmt.Sprintf("app.kubernetes.io/component notin (migrate, eventing, %s)", strings.Join(domains, ", "))); err != nil {
		return err
	}
	migrate, err := d.secret(ctx, namespace, "migrate-secret")
	if err != nil {
		return err
	}
	if migrate == nil {
		return errors.New("the secrets are missing: run scripts/deploy-data-services.sh databases, or make those that docs/operations.md lists")
	}
	if !d.keepSchema {
		if err := d.migrate(ctx); err != nil {
			return err
		}
	}
	for _, domain := range domains {
		d.say("functions of %s", domain)
		if err := d.deployComponent(ctx, domain, functionKind); err != nil {
			return err
		}
	}
	d.say("broker, triggers, schedules")
	if err := d.deployComponent(ctx, "eventing", eventKinds); err != nil {
		return err
	}
	if !d.monitoring {
		return nil
	}
	d.say("monitoring")
	return d.kubectl.apply(ctx, nil, "-k", monitoringFolder)
}

func (d *deployment) deployComponent(ctx context.Context, component, kinds string) error {
	if err := d.applyComponent(ctx, component); err != nil {
		return err
	}
	return d.awaitReady(ctx, kinds, "app.kubernetes.io/component="+component)
}

func (d *deployment) applyComponent(ctx context.Context, component string) error {
	return d.applySelected(ctx, "app.kubernetes.io/component="+component)
}

// applySelected applies those of the rendered manifests that a selector selects.
func (d *deployment) applySelected(ctx context.Context, selector string) error {
	return d.kubectl.apply(ctx, d.manifests, "-f", "-", "-l", selector)
}

// job is what is read of a Job.
type job struct {
	Spec struct {
		Template struct {
			Spec struct{ Containers []struct{ Image string } }
		}
	}
	Status struct {
		Succeeded  int
		Conditions []condition
	}
}

type condition struct{ Type, Status string }

// migrate runs the migrations of the image, unless they have been run.
func (d *deployment) migrate(ctx context.Context) error {
	var done job
	if _, err := d.kubectl.get(ctx, &done, "-n", namespace, "job", "migrate"); err != nil {
		return err
	}
	if containers := done.Spec.Template.Spec.Containers; len(containers) > 0 && containers[0].Image == d.image && done.Status.Succeeded > 0 {
		d.say("migrations: done by this image")
		return nil
	}
	d.say("migrations")
	if _, err := d.kubectl.run(ctx, nil, "-n", namespace, "delete", "job", "migrate", "--ignore-not-found", "--wait"); err != nil {
		return err
	}
	if err := d.applyComponent(ctx, "migrate"); err != nil {
		return err
	}
	if err := d.await(ctx, d.migrated); err != nil {
		return d.explain(ctx, namespace, "job", "migrate", "job-name=migrate", err)
	}
	return nil
}

// migrated tells whether the migrations have ended, and fails if they have failed.
func (d *deployment) migrated(ctx context.Context) (bool, error) {
	var running job
	if _, err := d.kubectl.get(ctx, &running, "-n", namespace, "job", "migrate"); err != nil {
		return false, err
	}
	for _, c := range running.Status.Conditions {
		switch {
		case c.Status != "True":
		case c.Type == "Complete":
			return true, nil
		case c.Type == "Failed":
			return false, errors.New("it has failed")
		}
	}
	return false, nil
}
