package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestVerify_Everything_Answers(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	c.deploy(nil, "verify").want(t, 0, "/.well-known/jwks.json: 200 in ", "a forged X-Forwarded-For is not believed", "done")
	wantUntouched(t, c)
	wantErased(t, c, true)
}

func TestVerify_ForgedAddressBelieved_FailsAndErasesTheAccount(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{Believes: true})
	c.deploy(nil, "verify").want(t, 1, "deploy: callers choose their own address: the session list shows a forged X-Forwarded-For")
	wantErased(t, c, true)
}

func TestVerify_AccountGiven_IsKept(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{Register: 500})
	c.deploy([]string{"VERIFY_EMAIL=ada@example.com", "VERIFY_PASSWORD=word"}, "verify").want(t, 0, "a forged X-Forwarded-For is not believed")
	wantErased(t, c, false)
}

func TestVerify_RegistrationsConfirmedByMail_NotTried(t *testing.T) {
	t.Parallel()
	newCluster(t, settings{Register: 202}).deploy(nil, "verify").want(t, 0, "address of callers: not tried", "done")
}

func TestVerify_KourierTrustsCallers_Refused(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	c.config("knative-serving", "config-kourier", "use-remote-address", "false")
	c.deploy(nil, "verify").want(t, 1, `needs use-remote-address: "true"`)
}

func TestVerify_NoKeys_Fails(t *testing.T) {
	t.Parallel()
	newCluster(t, settings{Keys: 404}).deploy(nil, "verify").want(t, 1, "jwks.json: 404 in ", "deploy: the platform does not answer")
}

func TestVerify_NothingDeployed_Fails(t *testing.T) {
	t.Parallel()
	newCluster(t, settings{Empty: true}).deploy(nil, "verify").want(t, 1, "there are no services.serving.knative.dev with app.kubernetes.io/part-of=aic-data in aic-data: run scripts/deploy-data-services.sh services")
}

func wantErased(t *testing.T, c *cluster, want bool) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(c.folder, "erased")); (err == nil) != want {
		t.Errorf("the account is erased: %v", err)
	}
}
