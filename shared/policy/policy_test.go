package policy_test

import (
	"slices"
	"testing"
	"time"

	"function/shared/policy"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	now := time.Now()
	lately, longAgo := now.Add(-time.Minute), now.Add(-time.Hour)
	for name, test := range map[string]struct {
		subject policy.Subject
		need    policy.Need
		allowed bool
		stepUp  bool
	}{
		"nobody in particular":           {policy.Subject{}, policy.Need{}, true, false},
		"no role":                        {policy.Subject{}, policy.Need{Permission: policy.DatasetsRead}, false, false},
		"unknown role":                   {policy.Subject{Roles: []string{"emperor"}}, policy.Need{Permission: policy.DatasetsRead}, false, false},
		"built-in role":                  {policy.Subject{Roles: []string{policy.Viewer}}, policy.Need{Permission: policy.DatasetsRead}, true, false},
		"built-in role, more than it is": {policy.Subject{Roles: []string{policy.Viewer}}, policy.Need{Permission: policy.DatasetsWrite}, false, false},
		"second of two roles":            {policy.Subject{Roles: []string{policy.Viewer, policy.Analyst}}, policy.Need{Permission: policy.AnalyticsQuery}, true, false},
		"own role":                       {policy.Subject{CustomPermissions: []policy.Permission{policy.DatasetsWrite}}, policy.Need{Permission: policy.DatasetsWrite}, true, false},
		"own role with the platform's":   {policy.Subject{CustomPermissions: []policy.Permission{policy.PlatformUsers}}, policy.Need{Permission: policy.PlatformUsers}, false, false},
		"owner is no platform admin":     {policy.Subject{Roles: []string{policy.Owner}}, policy.Need{Permission: policy.PlatformUsers}, false, false},
		"platform admin":                 {policy.Subject{Roles: []string{policy.PlatformAdmin}}, policy.Need{Permission: policy.PlatformUsers}, true, false},
		"within the scope":               {policy.Subject{Roles: []string{policy.Owner}, Limited: true, Scopes: []policy.Permission{policy.DatasetsRead}}, policy.Need{Permission: policy.DatasetsRead}, true, false},
		"beyond the scope":               {policy.Subject{Roles: []string{policy.Owner}, Limited: true, Scopes: []policy.Permission{policy.DatasetsRead}}, policy.Need{Permission: policy.DatasetsWrite}, false, false},
		"scope without the role":         {policy.Subject{Roles: []string{policy.Viewer}, Limited: true, Scopes: []policy.Permission{policy.DatasetsWrite}}, policy.Need{Permission: policy.DatasetsWrite}, false, false},
		"limited to nothing":             {policy.Subject{Roles: []string{policy.Owner}, Limited: true}, policy.Need{Permission: policy.DatasetsRead}, false, false},
		"proved lately":                  {policy.Subject{Roles: []string{policy.Owner}, ProvedAt: lately}, policy.Need{Permission: policy.RolesWrite, Fresh: true}, true, false},
		"proved long ago":                {policy.Subject{Roles: []string{policy.Owner}, ProvedAt: longAgo}, policy.Need{Permission: policy.RolesWrite, Fresh: true}, false, true},
		"a key proves nothing":           {policy.Subject{Roles: []string{policy.Owner}, Limited: true, Scopes: []policy.Permission{policy.RolesWrite}}, policy.Need{Permission: policy.RolesWrite, Fresh: true}, false, false},
		"acts as somebody else":          {policy.Subject{Roles: []string{policy.Owner}, Impersonated: true}, policy.Need{Permission: policy.RolesWrite}, true, false},
		"acts as somebody else, afresh":  {policy.Subject{Roles: []string{policy.Owner}, Impersonated: true, ProvedAt: lately}, policy.Need{Permission: policy.RolesWrite, Fresh: true}, false, false},
		"acts as who must do it":         {policy.Subject{Impersonated: true}, policy.Need{NoImpersonation: true}, false, false},
		"owes a new password":            {policy.Subject{BlockedBy: policy.BlockedByPassword}, policy.Need{}, false, false},
		"may choose it":                  {policy.Subject{BlockedBy: policy.BlockedByPassword}, policy.Need{AllowedBeforeSetup: true}, true, false},
		"waits for something else":       {policy.Subject{BlockedBy: policy.BlockedByApproval}, policy.Need{}, true, false},
		"admin who owes something":       {policy.Subject{AdminBlockedBy: policy.BlockedByAdminFactor}, policy.Need{Permission: policy.PlatformUsers}, false, false},
		"never proved":                   {policy.Subject{Roles: []string{policy.Owner}}, policy.Need{Fresh: true}, false, true},
		"proved, and may not":            {policy.Subject{Roles: []string{policy.Viewer}, ProvedAt: lately}, policy.Need{Permission: policy.RolesWrite, Fresh: true}, false, false},
	} {
		d := policy.Decide(test.subject, test.need, now)
		if d.Allowed != test.allowed || d.StepUp != test.stepUp || d.Reason == "" {
			t.Errorf("%s: %+v, want allowed %v, step up %v, and a reason", name, d, test.allowed, test.stepUp)
		}
	}
}

func TestRoles_AreNested(t *testing.T) {
	t.Parallel()
	for smaller, larger := range map[string]string{
		policy.Viewer: policy.Analyst, policy.Analyst: policy.Member, policy.Member: policy.Admin,
		policy.ComplianceOfficer: policy.Admin, policy.Admin: policy.Owner,
	} {
		for _, p := range policy.Permissions(smaller) {
			if !slices.Contains(policy.Permissions(larger), p) {
				t.Errorf("%s may %s, and %s may not", smaller, p, larger)
			}
		}
	}
	if slices.Contains(policy.Grantable(), policy.PlatformUsers) {
		t.Error("an organization can give away the platform's permissions")
	}
}
