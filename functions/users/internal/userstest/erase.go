package userstest

import (
	"net/http"

	_ "function/shared/documents/mongodb"
	"function/shared/platformtest"
)

func Erase(p *platformtest.Platform, token, query string) platformtest.Answer {
	return p.Do(token, http.MethodDelete, ProfilePath+query, nil)
}
