package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/yaml"
)

// configIn returns the data of aic-data-config, which tells every function its settings.
func configIn(manifests []byte) (map[string]string, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifests), 4096)
	for {
		var manifest struct {
			Kind     string
			Metadata struct{ Name string }
			Data     json.RawMessage
		}
		if err := decoder.Decode(&manifest); errors.Is(err, io.EOF) {
			return nil, errors.New("the overlay has no ConfigMap aic-data-config: it has to hold knative/base")
		} else if err != nil {
			return nil, fmt.Errorf("read the rendered manifests: %w", err)
		}
		if manifest.Kind == "ConfigMap" && manifest.Metadata.Name == "aic-data-config" {
			var config map[string]string
			if err := json.Unmarshal(manifest.Data, &config); err != nil {
				return nil, fmt.Errorf("read aic-data-config: %w", err)
			}
			return config, nil
		}
	}
}

// checkConfig finds what would be wrong only once people use the platform.
func (d *deployment) checkConfig(ctx context.Context) error {
	config, err := configIn(d.manifests)
	if err != nil {
		return err
	}
	if !isPublic(config["PUBLIC_URL"]) {
		return fmt.Errorf(`the overlay %s does not set PUBLIC_URL in aic-data-config: the https://… of the pages that people see.
  Mails link to them, and passkeys belong to their host for good (docs/operations.md, "Before people come")`, d.overlay)
	}
	mail, err := setting(config, "MAIL")
	if err != nil {
		return err
	}
	confirmed, err := setting(config, "REGISTRATION_CONFIRMATION")
	if err != nil {
		return err
	}
	server, err := d.hasMailServer(ctx)
	if err != nil {
		return err
	}
	if mail != server {
		given := "not given"
		if server {
			given = "given"
		}
		return fmt.Errorf(`the overlay %s says MAIL: "%t", and SMTP_URL is %s: MAIL is "true" where there is a mail server (SMTP_URL), and "false" elsewhere`, d.overlay, mail, given)
	}
	if confirmed && !server {
		return fmt.Errorf(`the overlay %s has registrations confirmed by mail, and there is no mail server:
  give SMTP_URL before the first deployment, or add it to the secret user-management-secret`, d.overlay)
	}
	return nil
}

// isPublic tells whether people can be sent to a URL. The base has one of .invalid, which
// no host ever has (RFC 6761).
func isPublic(value string) bool {
	u, err := url.Parse(value)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && !strings.HasSuffix(u.Hostname(), ".invalid")
}

// setting reads a switch as the functions do.
func setting(config map[string]string, name string) (bool, error) {
	value := config[name]
	if value == "" {
		return false, nil
	}
	on, err := strconv.ParseBool(value)
	if err != nil {
		return false, fmt.Errorf(`%s in aic-data-config is %q: set it to "true" or "false"`, name, value)
	}
	return on, nil
}

// hasMailServer tells whether the functions have an SMTP_URL, or will: the secret counts
// once it exists, since it is kept.
func (d *deployment) hasMailServer(ctx context.Context) (bool, error) {
	values, err := d.secret(ctx, namespace, "user-management-secret")
	if err != nil {
		return false, err
	}
	if values == nil {
		return d.smtpURL != "", nil
	}
	return len(values["SMTP_URL"]) > 0, nil
}
