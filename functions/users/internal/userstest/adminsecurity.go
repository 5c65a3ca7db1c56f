package userstest

import (
	"net/http"
	"testing"

	"github.com/google/uuid"

	"function/shared/platformtest"
)

func Administered(t *testing.T, p *platformtest.Platform, admin platformtest.Caller, personID uuid.UUID, verb string) platformtest.Answer {
	t.Helper()
	return p.Do(admin.Token, http.MethodPost, "/v1/admin/users/"+personID.String()+"/"+verb, ReasonBody)
}
