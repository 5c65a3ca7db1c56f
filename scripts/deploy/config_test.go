package main

import (
	"strings"
	"testing"
)

func TestConfig_Unfit_NothingIsDone(t *testing.T) {
	t.Parallel()
	const public, smtp = "PUBLIC_URL: https://data.example.com", "smtp://user:hush@mail"
	for _, o := range []struct {
		config []string
		smtp   string // in the environment
		secret string // in user-management-secret
		want   string
	}{
		{[]string{`MAIL: "false"`}, "", "", "does not set PUBLIC_URL in aic-data-config"},
		{[]string{"PUBLIC_URL: https://public-url-is-not-set.invalid"}, "", "", "does not set PUBLIC_URL"},
		{[]string{"PUBLIC_URL: data.example.com"}, "", "", "does not set PUBLIC_URL"},
		{[]string{public, `MAIL: "true"`}, "", "", `says MAIL: "true", and SMTP_URL is not given`},
		{[]string{public, `MAIL: "false"`}, smtp, "", `says MAIL: "false", and SMTP_URL is given`},
		{[]string{public}, smtp, "", `says MAIL: "false", and SMTP_URL is given`},
		{[]string{public, `MAIL: "true"`}, smtp, "none", `says MAIL: "true", and SMTP_URL is not given`},
		{[]string{public}, "", smtp, `says MAIL: "false", and SMTP_URL is given`},
		{[]string{public, `MAIL: "on"`}, "", "", `MAIL in aic-data-config is "on": set it to "true" or "false"`},
		{[]string{public, `REGISTRATION_CONFIRMATION: "true"`}, "", "", "registrations confirmed by mail, and there is no mail server"},
	} {
		c := newCluster(t, settings{})
		c.configure(o.config...)
		switch o.secret {
		case "":
		case "none":
			c.setSecret("aic-data", "user-management-secret", map[string]string{"BLIND_INDEX_KEY": "x"})
		default:
			c.setSecret("aic-data", "user-management-secret", map[string]string{"SMTP_URL": o.secret})
		}
		r := c.deploy([]string{"SMTP_URL=" + o.smtp})
		r.want(t, 1, o.want)
		if strings.Contains(r.log, "hush") {
			t.Errorf("the log has the mail server's password: %s", r.log)
		}
		wantUntouched(t, c)
	}
}

func TestConfig_MailServer_OfTheSecretCounts(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	c.configure("PUBLIC_URL: http://localhost:8080", `MAIL: "true"`, `REGISTRATION_CONFIRMATION: "true"`)
	c.deploy([]string{"SMTP_URL=smtp://user:word@mail"}).want(t, 0)
	c.deploy(nil).want(t, 0)
}
