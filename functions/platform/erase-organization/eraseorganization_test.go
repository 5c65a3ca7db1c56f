package eraseorganization_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	deadletters "function/functions/platform/dead-letters"
	eraseorganization "function/functions/platform/erase-organization"
	"function/shared/database"
	"function/shared/events"
	"function/shared/platformtest"
)

func TestMain(m *testing.M) { platformtest.Run(m) }

const (
	name = "platform-erase-organization"
	sink = "platform-dead-letters"
)

func TestEraseOrganization_DeletesItsDeadLetters(t *testing.T) {
	t.Parallel()
	p := platformtest.New(t, eraseorganization.Service, deadletters.Service)
	leaving, staying := p.Login("owner"), p.Login("owner")
	bury := func(organization string) {
		t.Helper()
		headers := []string{"Ce-Specversion", "1.0", "Ce-Id", uuid.NewString(), "Ce-Source", "/test", "Ce-Type", "test", "Ce-Knativeerrordest", "http://test"}
		if organization != "" {
			headers = append(headers, "Ce-Organizationid", organization)
		}
		p.Do("", http.MethodPost, "/events/"+sink, `{}`, headers...).Want(t, http.StatusNoContent)
	}
	count := func(where string, args ...any) (n int) {
		t.Helper()
		if err := p.DB(database.Analytics).QueryRow(t.Context(), `SELECT count(*) FROM platform.dead_letters WHERE `+where, args...).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	bury(leaving.OrganizationID.String())
	bury(leaving.OrganizationID.String())
	bury(staying.OrganizationID.String())
	bury("")
	e := platformtest.Event(events.OrganizationDeleted{OrganizationID: leaving.OrganizationID, DeletedAt: time.Now()})

	for range 2 { // delivered twice
		platformtest.Deliver(p, name, e).Want(t, http.StatusNoContent)
	}
	bury(leaving.OrganizationID.String()) // delivered late

	if n := count(`organization_id = $1`, leaving.OrganizationID); n != 0 {
		t.Errorf("%d dead letters are left", n)
	}
	if n := count(`true`); n != 2 {
		t.Errorf("%d dead letters of others, want 2", n)
	}
}
