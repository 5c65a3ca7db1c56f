//go:build e2e

package e2e

import (
	"slices"
	"sync"
	"testing"
	"time"
)

const (
	logins         = 200
	connectionsCap = 100 // max_connections of the server
)

// testBurst sends 200 concurrent logins while users-login is at zero.
func testBurst(t *testing.T) {
	people := make([]*person, 20)
	for i := range people {
		people[i] = register(t)
	}
	admin := database(t, "postgres")
	awaitZero(t, "users-login")

	var l load
	var under sync.WaitGroup
	began := time.Now()
	for i := range logins {
		under.Go(func() {
			l.one(func() error { _, err := people[i%len(people)].tryLogIn(); return err })
		})
	}
	done := make(chan struct{})
	go func() { under.Wait(); close(done) }()
	pods, connections := 0, 0
	for over := false; !over; {
		select {
		case <-done:
			over = true
		case <-time.After(200 * time.Millisecond):
		}
		for _, d := range list(t, deployments) {
			if d.Metadata.service() == "users-login" {
				pods = max(pods, d.Spec.Replicas)
			}
		}
		connections = max(connections, count(t, admin, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"))
	}
	took := time.Since(began)
	if len(l.errors) > 0 {
		t.Errorf("%d of %d logins failed; the first: %v", len(l.errors), logins, l.errors[0])
	}
	if len(l.took) > 0 {
		figure("200 logins at once from zero", "%v in all; each %v, worst %v", took.Round(time.Millisecond), median(l.took), slices.Max(l.took))
	}
	figure("pods of users-login, connections of PostgreSQL", "%d, %d at the most", pods, connections)
	if connections >= connectionsCap {
		t.Errorf("PostgreSQL had %d connections, its cap is %d", connections, connectionsCap)
	}
	awaitZero(t, "users-login")
}
