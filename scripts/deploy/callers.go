package main

import (
	"context"
	"errors"
)

// kourierConfigNamespace is where Kourier reads its configuration, unlike the rest of it.
const kourierConfigNamespace = "knative-serving"

// seeCallers has Kourier append the address that it sees to X-Forwarded-For. Its default
// passes on what the caller wrote: then callers choose the address that limits, lockouts
// and the audit trail see.
func (d *deployment) seeCallers(ctx context.Context) error {
	found, err := d.kubectl.exists(ctx, "namespace", "kourier-system")
	if err != nil || !found {
		return err
	}
	setting, err := d.useRemoteAddress(ctx)
	switch {
	case err != nil || setting == "true":
		return err
	case setting == "":
		d.say(`Kourier: use-remote-address: "true"`)
		return d.kubectl.show(ctx, "-n", kourierConfigNamespace, "patch", "configmap", "config-kourier", "--type", "merge", "-p", `{"data": {"use-remote-address": "true"}}`)
	}
	return errors.New(`config-kourier in knative-serving sets use-remote-address: "` + setting + `", by which callers choose their own address: set it to "true"`)
}

func (d *deployment) useRemoteAddress(ctx context.Context) (string, error) {
	var kourier configMap
	_, err := d.kubectl.get(ctx, &kourier, "-n", kourierConfigNamespace, "configmap", "config-kourier")
	return kourier.Data["use-remote-address"], err
}
