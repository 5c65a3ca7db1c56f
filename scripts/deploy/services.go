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
