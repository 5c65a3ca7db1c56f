//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
)

func testFaults(t *testing.T) {
	t.Run("a pod is deleted in the middle of a request", podDeleted)
	t.Run("the broker's pods are deleted", func(t *testing.T) {
		acknowledgedSurvive(t, "broker's pods deleted", func() {
			for _, label := range []string{"eventing.knative.dev/brokerRole", "messaging.knative.dev/role=dispatcher"} {
				deletePods(t, "knative-eventing", label)
			}
		})
	})
	t.Run("the activator's pod is deleted", func(t *testing.T) {
		acknowledgedSurvive(t, "activator deleted", func() { deletePods(t, "knative-serving", "app=activator") })
	})
	t.Run("PostgreSQL is away for ten seconds", func(t *testing.T) {
		acknowledgedSurvive(t, "PostgreSQL away for 10 s", func() { stopPostgres(t, 10*time.Second) })
	})
	t.Run("a new revision under load, and back", revisionUnderLoad)
}

func deletePods(t *testing.T, namespace, label string) {
	t.Helper()
	api(t, http.MethodDelete, "/api/v1/namespaces/"+namespace+"/pods?labelSelector="+label, nil, nil)
}

// podDeleted checks that a pod that is told to end finishes its request: a query that takes several
// seconds of the ten allowed.
func podDeleted(t *testing.T) {
	owner := register(t)
	query := map[string]any{"database": "postgresql", "query": "SELECT count(*) FROM generate_series(1, 12000) a, generate_series(1, 2000) b"}
	result := make(chan error, 1)
	began := time.Now()
	go func() {
		_, err := owner.send(http.MethodPost, "/v1/analytics/query", query, nil)
		result <- err
	}()
	admin := database(t, "analytics_db")
	await(t, "the query to run", func() bool {
		return count(t, admin, "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%generate_series(1, 12000)%' AND pid <> pg_backend_pid()") > 0
	})
	deletePods(t, namespace, "serving.knative.dev/service=analytics-query")
	if err := <-result; err != nil {
		t.Errorf("the request under way was not answered: %v", err)
	}
	figure("request under way as its pod is deleted", "answered after %v", time.Since(began).Round(time.Millisecond))
}

// acknowledgedSurvive registers people while something fails: everybody whose registration was
// confirmed must have an account, and analytics must receive an event for each.
func acknowledgedSurvive(t *testing.T, what string, fault func()) {
	register(t) // so that nothing is at zero
	var mu sync.Mutex
	var acknowledged []string
	l := during(2, func() error {
		p := &person{Email: uuid.NewString() + "@example.com"}
		body := map[string]string{"email": p.Email, "password": password, "first_name": "Ada", "last_name": "Lovelace"}
		if _, err := p.send(http.MethodPost, "/v1/users/register", body, p); err != nil {
			time.Sleep(100 * time.Millisecond)
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		acknowledged = append(acknowledged, p.ID)
		return nil
	}, fault)
	figure(what, "%d registrations acknowledged, %d refused, %d lost", len(l.took), len(l.errors), lost(t, acknowledged))
	for _, err := range l.errors[:min(3, len(l.errors))] {
		t.Logf("refused: %v", err)
	}
}

// lost counts the people without an account and fails the test for them. Analytics may take until
// the next relay.
func lost(t *testing.T, ids []string) int {
	t.Helper()
	users, analytics := database(t, "user_management_db"), database(t, "analytics_db")
	kept := count(t, users, "SELECT count(*) FROM users WHERE id = ANY($1::uuid[])", ids)
	if kept != len(ids) {
		t.Errorf("%d of %d acknowledged accounts are lost", len(ids)-kept, len(ids))
	}
	await(t, fmt.Sprintf("analytics to hear of %d accounts", len(ids)), func() bool {
		return count(t, analytics, "SELECT count(*) FROM projections.users WHERE id = ANY($1::uuid[])", ids) == kept
	})
	return len(ids) - kept
}

// stopPostgres ends the server as a crash does and starts it again after a while.
func stopPostgres(t *testing.T, away time.Duration) {
	t.Helper()
	content, err := os.ReadFile("/run/e2e/postgres/data/postmaster.pid")
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	time.Sleep(away)
	log, err := os.OpenFile("/run/e2e/log/postgres.log", os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	server := exec.Command("setsid", "sh", "/run/e2e/postgres.sh")
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
}

// revisionUnderLoad deploys a new revision of users-login while people log in, and routes them back
// to the first revision.
func revisionUnderLoad(t *testing.T) {
	owner := register(t)
	path := services + "/users-login"
	var service object
	api(t, http.MethodGet, path, nil, &service)
	first := service.Status.LatestReadyRevision
	ready := func() object {
		var s object
		api(t, http.MethodGet, path, nil, &s)
		return s
	}
	l := during(2, func() error { _, err := owner.tryLogIn(); return err }, func() {
		api(t, http.MethodPatch, path, fmt.Appendf(nil, `{"spec": {"template": {"metadata": {"annotations": {"e2e": %q}}}}}`, uuid.NewString()), nil)
		await(t, "the new revision", func() bool { s := ready(); return s.is("Ready") && s.Status.LatestReadyRevision != first })
		time.Sleep(3 * time.Second)
		api(t, http.MethodPatch, path, fmt.Appendf(nil, `{"spec": {"traffic": [{"revisionName": %q, "percent": 100}]}}`, first), nil)
		await(t, "the first revision", func() bool { return ready().is("Ready") })
	})
	api(t, http.MethodPatch, path, []byte(`{"spec": {"traffic": [{"latestRevision": true, "percent": 100}]}}`), nil)
	figure("new revision and back under load", "%d logins, %d failed", len(l.took)+len(l.errors), len(l.errors))
	if len(l.errors) > 0 {
		t.Errorf("%d logins failed; the first: %v", len(l.errors), l.errors[0])
	}
}
