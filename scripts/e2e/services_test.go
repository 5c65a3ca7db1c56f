//go:build e2e

package e2e

import (
	"io"
	"net/http"
	"testing"
)

// testServices checks that every function is Ready, at zero when idle, started by its first
// request, and then has the secrets, database roles and network access that it declares.
func testServices(t *testing.T) {
	all := list(t, services)
	if len(all) == 0 {
		t.Fatal("there are no functions")
	}
	for _, s := range all {
		if !s.is("Ready") {
			t.Errorf("%s is not Ready: %+v", s.Metadata.Name, s.Status.Conditions)
		}
	}
	for path, kind := range map[string]string{triggers: "Triggers", pingSources: "PingSources"} {
		ready := list(t, path)
		for _, o := range ready {
			if !o.is("Ready") {
				t.Errorf("%s is not Ready: %+v", o.Metadata.Name, o.Status.Conditions)
			}
		}
		figure(kind+" Ready", "%d", len(ready))
	}
	figure("functions Ready", "%d", len(all))
	listenForMail(t)
	for _, name := range functions(t) {
		awaitZero(t, name)
		wake(t, name)
		checkSecrets(t, name)
		awaitPolicies(t, name)
		checkNetwork(t, name)
	}
	figure("connections that policies allow and deny", "%d, %d", allowed.Load(), denied.Load())
}

// wake calls a function in a way that all functions support.
func wake(t *testing.T, name string) {
	t.Helper()
	response, err := http.Get(address(name) + "/health/readiness")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusNoContent {
		t.Fatalf("%s answered %s, %v", name, response.Status, err)
	}
}
