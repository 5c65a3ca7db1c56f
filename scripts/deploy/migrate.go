package main

import (
	"context"
	"errors"
)

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
