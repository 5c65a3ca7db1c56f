package functions_test

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"function/functions"
	"function/shared/function"
	"function/shared/platformtest"
	"function/shared/runtime"
)

// secrets are the settings of everything that functions may use.
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

// reduced is a configuration as a function's pod has it: of what secrets hold, only what
// the function declares to use.
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

func TestFunctions_WithNothingButWhatTheyDeclare_Start(t *testing.T) {
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

// The functions that hold the key encryption key, or another's database, are few, and
// each is here because of what it does.
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
