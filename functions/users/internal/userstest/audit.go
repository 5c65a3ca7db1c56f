package userstest

import (
	"net/http"
	"testing"

	sealaudit "function/functions/platform/seal-audit"
	exportaudit "function/functions/users/export-audit"
	listaudit "function/functions/users/list-audit"
	"function/shared/audit"
	"function/shared/function"
	"function/shared/page"
	"function/shared/platformtest"
)

func MountAudit(t *testing.T, more ...function.Declaration) *platformtest.Platform {
	t.Helper()
	return platformtest.New(t, append(more, listaudit.Service,
		exportaudit.Service, sealaudit.Service)...)
}

func Entries(t *testing.T, p *platformtest.Platform, token, query string) page.Page[audit.Line] {
	t.Helper()
	return platformtest.Decode[page.Page[audit.Line]](t, p.Do(token, http.MethodGet, "/v1/audit"+query, nil).Want(t, http.StatusOK))
}
