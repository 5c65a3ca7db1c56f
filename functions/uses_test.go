package functions_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/functions"
	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/runtime"
)

// secrets lists the settings of everything that functions can use.
func secrets() map[string]bool {
	all := map[string]bool{}
	for _, d := range functions.Catalog {
		for _, use := range d.Reaches() {
			for _, setting := range use.Settings {
				all[setting.Name] = true
			}
		}
	}
	return all
}

// reduced returns the configuration of a function's pod: of the secrets, only those that the
// function declares to use.
func reduced(c function.Config, d function.Declaration) function.Config {
	withheld := secrets()
	for _, use := range d.Reaches() {
		for _, setting := range use.Settings {
			delete(withheld, setting.Name)
		}
	}
	settings := reflect.ValueOf(&c).Elem()
	for i := range settings.NumField() {
		if name, _, _ := strings.Cut(settings.Type().Field(i).Tag.Get("env"), ","); withheld[name] {
			settings.Field(i).SetZero()
		}
	}
	return c
}

func TestFunctions_WithDeclaredUsesOnly_Start(t *testing.T) {
	t.Parallel()
	config := platformtest.New(t).Env.Config
	config.SigningKeyDays = 30
	for _, d := range functions.Catalog {
		t.Run(d.Name, func(t *testing.T) {
			env := function.NewEnv(reduced(config, d))
			defer env.Close()
			if err := runtime.NewHost(t.Context()).Mount(d, env); err != nil {
				t.Error(err)
			}
		})
	}
}

// Few functions hold the key encryption key or another domain's database. Each of them is listed
// here with its reason.
func TestKeys_AreHeldByFunctionsThatSealOrSign(t *testing.T) {
	t.Parallel()
	holders := map[string]int{}
	for _, d := range functions.Catalog {
		domain, _, _ := strings.Cut(d.Name, "-")
		for _, use := range d.Reaches() {
			if use.Name == function.Keys.Name {
				holders[domain]++
			}
			if owner, owns := strings.CutPrefix(use.Name, "owns-"); owns && owner != domain && domain != "platform" {
				t.Errorf("%s owns the database of %s", d.Name, owner)
			}
		}
		if slices.ContainsFunc(d.Reaches(), func(u function.Use) bool { return u.Name == function.Mail.Name }) && d.Name != "users-send-mail" {
			t.Errorf("%s may log in to the mail server", d.Name)
		}
	}
	for _, name := range []string{"users-jwks", "users-explain", "users-purposes", "platform-metrics", "platform-openapi", "platform-gateway"} {
		for _, d := range functions.Catalog {
			if d.Name == name && slices.ContainsFunc(d.Reaches(), func(u function.Use) bool { return u.Name == function.Keys.Name }) {
				t.Errorf("%s holds the keys", name)
			}
		}
	}
	if domains := slices.Sorted(maps.Keys(holders)); !slices.Equal(domains, []string{"analytics", "datasets", "platform", "users"}) || holders["platform"] != 1 {
		t.Errorf("keys are held by %v", holders)
	}
}

// In the datasets domain, functions that read or write files hold keys; functions that only
// delete objects do not.
func TestDatasets_DeclareOnlyWhatTheyNeed(t *testing.T) {
	t.Parallel()
	more := map[string][]string{}
	for _, d := range functions.Catalog {
		if !strings.HasPrefix(d.Name, "datasets-") {
			continue
		}
		for _, use := range d.Reaches() {
			if use.Name == function.Keys.Name || use.Name == function.Objects.Name {
				more[d.Name] = append(more[d.Name], use.Name)
			}
		}
	}
	want := map[string][]string{
		"datasets-upload": {"keys", "objects"}, "datasets-download": {"keys", "objects"}, "datasets-profile": {"keys", "objects"},
		"datasets-diff": {"keys", "objects"}, "datasets-merge-branch": {"keys"}, "datasets-rewrap-keys": {"keys"}, "datasets-proposals": {"keys"},
		"datasets-documents": {"keys"}, "datasets-objects": {"keys", "objects"},
		"datasets-uploads": {"keys", "objects"}, "datasets-import": {"keys", "objects"}, "datasets-direct-upload": {"keys", "objects"},
		"datasets-replicate": {"objects"}, "datasets-archive": {"objects"}, "datasets-recall": {"objects"}, "datasets-lifecycle": {"objects"},
		"datasets-create": {"objects"}, "datasets-dispose": {"objects"},
		"datasets-derive": {"keys"}, "datasets-iceberg": {"keys", "objects"},
		"datasets-s3": {"keys", "objects"}, "datasets-s3-credentials": {"keys"},
	}
	for _, uses := range more {
		slices.Sort(uses)
	}
	if diff := cmp.Diff(want, more); diff != "" {
		t.Errorf("functions of data management hold (-want +got):\n%s", diff)
	}
}
