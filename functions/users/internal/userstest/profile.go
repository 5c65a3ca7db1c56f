package userstest

import (
	"net/http"
	"testing"

	"function/functions/users/internal/person"
	_ "function/shared/documents/mongodb"
	"function/shared/platformtest"
)

const ProfilePath = "/v1/users/profile"

func Read(t *testing.T, a platformtest.Answer) person.Profile {
	t.Helper()
	return platformtest.Decode[person.Profile](t, a.Want(t, http.StatusOK))
}

func Change(p *platformtest.Platform, token, patch string, headers ...string) platformtest.Answer {
	return p.Do(token, http.MethodPatch, ProfilePath, patch, append([]string{"Content-Type", "application/merge-patch+json"}, headers...)...)
}
