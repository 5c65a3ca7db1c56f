package userstest

import (
	"net/http"

	"function/shared/platformtest"
	"function/shared/policy"
)

func Define(p *platformtest.Platform, by platformtest.Caller, role string, permissions ...policy.Permission) platformtest.Answer {
	return p.Do(by.Token, http.MethodPut, OrganizationPath(by.OrganizationID, "/roles/"+role), map[string]any{"permissions": permissions, "description": "what auditors do"})
}

func Assign(p *platformtest.Platform, by, to platformtest.Caller, role string) platformtest.Answer {
	return p.Do(by.Token, http.MethodPut, MemberPath(by.OrganizationID, to, "/role"), map[string]string{"role": role})
}
