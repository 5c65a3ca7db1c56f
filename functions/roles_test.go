package functions_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"function/functions"
	"function/shared/policy"
	"function/shared/runtime"
)

// saysWhoMay finds hand-written statements about rights, which would have to be kept in step with
// the permissions.
var saysWhoMay = regexp.MustCompile(`(?i)\b(only|for|by|needs|requires|takes) (an? |the |its |your |all )*(organization's )?(owner|admin|compliance.officer|analyst|viewer)s?\b|` +
	`(^|[.;:] )(an? |the |its |your |all )*(owner|admin|compliance.officer|analyst|viewer)s?\b[^.;:]*\b(may|can|must)\b`)

func TestDescriptions_DeriveRightsFromThePermission(t *testing.T) {
	t.Parallel()
	texts := map[string]string{}
	for _, item := range runtime.Describe(functions.Catalog).Paths {
		for _, o := range []*huma.Operation{item.Get, item.Head, item.Put, item.Post, item.Patch, item.Delete} {
			if o != nil {
				texts[o.OperationID] = o.Description
			}
		}
	}
	for _, d := range functions.Catalog {
		for _, o := range d.Operations {
			if o.Need.Permission == "" {
				continue
			}
			if found := saysWhoMay.FindString(o.Summary + ". " + o.Description); found != "" {
				t.Errorf("%s says who may call it (%q), which its permission %s says already", o.OperationID, found, o.Need.Permission)
			}
			want := "Roles: " + strings.Join(policy.RolesWith(o.Need.Permission), ", ") + "."
			if o.Need.ServiceAccount {
				want = "Service accounts with " + string(o.Need.Permission) + "."
			}
			if text := texts[o.OperationID]; !strings.HasSuffix(text, want) || strings.Count(text, "Roles: ") > 1 {
				t.Errorf("the description of %s is %q, want it to end with %q", o.OperationID, text, want)
			}
		}
	}
}

func TestSaysWhoMay_FindsProseAboutRights(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"Only an owner may set it.":                   true,
		"Owners and admins may do this.":              true,
		"For its owners, within 30 days.":             true,
		"This takes a compliance officer.":            true,
		"You become an admin in the same moment.":     false,
		"Platform admins also see others.":            false,
		"An organization whose last owner you are.":   false,
		"It allows what you may do yourself at most.": false,
	} {
		if got := saysWhoMay.MatchString(text); got != want {
			t.Errorf("%q is found: %t, want %t", text, got, want)
		}
	}
}
