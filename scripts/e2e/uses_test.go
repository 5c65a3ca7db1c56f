//go:build e2e

package e2e

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	catalog "function/functions"
	"function/shared/function"
)

// checkSecrets checks that a running function has the secret settings that it declares, and no
// other function's, and that only the users domain's own role reads accounts.
func checkSecrets(t *testing.T, name string) {
	t.Helper()
	pids := processes()[name]
	if len(pids) == 0 {
		t.Fatalf("%s answered, but has no process", name)
	}
	content, err := os.ReadFile("/proc/" + strconv.Itoa(pids[0]) + "/environ")
	if err != nil {
		t.Fatal(err)
	}
	declared := settingsOf(declaration(t, name))
	secret := map[string]bool{}
	for _, d := range catalog.Catalog {
		for setting := range settingsOf(d) {
			secret[setting] = true
		}
	}
	for variable := range strings.SplitSeq(string(content), "\x00") {
		setting, value, _ := strings.Cut(variable, "=")
		if _, ok := declared[setting]; secret[setting] && !ok {
			t.Errorf("%s has %s, which it does not declare", name, setting)
		}
		delete(declared, setting)
		if strings.HasSuffix(setting, "_DATABASE_URL") {
			checkRole(t, setting, value)
		}
	}
	for setting, optional := range declared {
		if !optional {
			t.Errorf("%s lacks %s, which it declares", name, setting)
		}
	}
}

// declaration returns the function of a Knative Service.
func declaration(t *testing.T, name string) function.Declaration {
	t.Helper()
	i := slices.IndexFunc(catalog.Catalog, func(d function.Declaration) bool {
		return d.Name == name || slices.Contains(d.Aliases, name)
	})
	if i < 0 {
		t.Fatalf("%s is not in the catalog", name)
	}
	return catalog.Catalog[i]
}

// settingsOf returns the secret settings that a function declares, and whether each is optional.
func settingsOf(d function.Declaration) map[string]bool {
	settings := map[string]bool{}
	for _, use := range d.Reaches() {
		for _, s := range use.Settings {
			settings[s.Name] = s.Optional
		}
	}
	return settings
}

var checkedRoles sync.Map

// checkRole checks, once for each setting, that its role cannot read people's accounts unless it
// owns them.
func checkRole(t *testing.T, setting, url string) {
	t.Helper()
	if _, checked := checkedRoles.LoadOrStore(setting, true); checked {
		return
	}
	config, err := pgx.ParseConfig(strings.Split(url, "pool_max_conns")[0])
	if err != nil {
		t.Fatalf("%s is not a URL", setting)
	}
	config.Host = node
	connection, err := pgx.ConnectConfig(context.Background(), config)
	if err != nil {
		t.Fatalf("%s: %v", setting, err)
	}
	defer connection.Close(context.Background())
	var role string
	var reads bool
	err = connection.QueryRow(context.Background(),
		`SELECT current_user, coalesce(has_table_privilege(to_regclass('public.users')::oid, 'SELECT'), false)`).Scan(&role, &reads)
	if err != nil {
		t.Fatalf("%s: %v", setting, err)
	}
	if owner := setting == "USERS_DATABASE_URL"; reads != owner {
		t.Errorf("%s logs in as %s, which can read accounts: %t, want %t", setting, role, reads, owner)
	}
	figure("role of "+setting, "%s", role)
}
