package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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

// forgedAddress is of TEST-NET-3 (RFC 5737): nobody has it.
const forgedAddress = "203.0.113.77"

// checkCallers logs in through the ingress with a forged X-Forwarded-For, as a throw-away
// account or that of VERIFY_EMAIL and VERIFY_PASSWORD, and fails if the session list shows
// the forged address.
func (d *deployment) checkCallers(ctx context.Context, in *ingress) error {
	setting, err := d.useRemoteAddress(ctx)
	if err != nil {
		return err
	}
	if setting != "true" {
		return errors.New(`callers choose their own address: config-kourier in knative-serving needs use-remote-address: "true"`)
	}
	email, password := d.verifyEmail, d.verifyPass
	if email == "" {
		email, password = "verify-"+hex.EncodeToString(random(8))+"@example.com", hex.EncodeToString(random(16))
		opened, err := in.register(ctx, email, password)
		if err != nil {
			return err
		}
		if !opened {
			d.say("address of callers: not tried, since accounts are confirmed by mail here: give VERIFY_EMAIL and VERIFY_PASSWORD of one")
			return nil
		}
	}
	bearer, err := in.login(ctx, email, password)
	if err != nil {
		return err
	}
	if d.verifyEmail == "" {
		defer d.erase(context.WithoutCancel(ctx), in, bearer)
	}
	status, sessions, err := in.call(ctx, http.MethodGet, "/v1/users/sessions", bearer, nil)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("the session list answers with status %d", status)
	}
	if bytes.Contains(sessions, []byte(forgedAddress)) {
		return errors.New("callers choose their own address: the session list shows a forged X-Forwarded-For (docs/operations.md, TRUSTED_PROXIES)")
	}
	d.say("address of callers: a forged X-Forwarded-For is not believed")
	return nil
}

// register opens an account, and tells whether it is open at once.
func (in *ingress) register(ctx context.Context, email, password string) (bool, error) {
	status, _, err := in.call(ctx, http.MethodPost, "/v1/users/register", nil, map[string]string{
		"email": email, "password": password, "first_name": "Deployment", "last_name": "Check",
	})
	return status == http.StatusCreated, err
}

// login returns the headers of a caller who has logged in from the forged address.
func (in *ingress) login(ctx context.Context, email, password string) (http.Header, error) {
	_, answer, err := in.call(ctx, http.MethodPost, "/v1/users/login", http.Header{"X-Forwarded-For": {forgedAddress}},
		map[string]string{"email": email, "password": password})
	if err != nil {
		return nil, err
	}
	var tokens struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal(answer, &tokens); err != nil || tokens.AccessToken == "" {
		return nil, errors.New("no login with VERIFY_EMAIL and VERIFY_PASSWORD (an account without a second factor)")
	}
	return http.Header{"Authorization": {"Bearer " + tokens.AccessToken}}, nil
}

// erase erases the throw-away account.
func (d *deployment) erase(ctx context.Context, in *ingress, bearer http.Header) {
	status, _, err := in.call(ctx, http.MethodDelete, "/v1/users/profile?delete_organizations=true", bearer, nil)
	if err != nil || status >= 300 {
		d.say("the account that verify opened could not be erased: status %d, %v", status, err)
	}
}
