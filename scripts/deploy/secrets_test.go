package main

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const adminURL = "postgres://postgres:p%40ss@[2001:db8::1]:5432/postgres?sslmode=disable"

func keysOf(values map[string]string) []string { return slices.Sorted(maps.Keys(values)) }

func wantKeys(t *testing.T, c *cluster, namespace, name string, keys ...string) {
	t.Helper()
	if diff := cmp.Diff(keys, keysOf(c.secret(namespace, name)), cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestSecrets_NewCluster_AllAreMade(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	c.deploy([]string{"STORES=postgresql object-storage mongodb clickhouse redis"}, "databases").want(t, 0, "  secret migrate-secret: made", "done")
	wantKeys(t, c, "aic-platform", "postgresql-secret", "password")
	wantKeys(t, c, "aic-data", "migrate-secret", "ADMIN_DATABASE_URL", "USERS_DATABASE_URL", "DATASETS_DATABASE_URL", "ANALYTICS_DATABASE_URL", "IDENTITY_DATABASE_URL",
		"CATALOG_DATABASE_URL", "READER_DATABASE_URL", "COMPLIANCE_DATABASE_URL", "DATASETS_AUDIT_DATABASE_URL", "ANALYTICS_AUDIT_DATABASE_URL")
	wantKeys(t, c, "aic-data", "user-management-secret", "USERS_DATABASE_URL", "IDENTITY_DATABASE_URL", "KEY_ENCRYPTION_KEY_URL", "BLIND_INDEX_KEY")
	wantKeys(t, c, "aic-data", "data-management-secret", "DATASETS_DATABASE_URL", "DATASETS_AUDIT_DATABASE_URL", "KEY_ENCRYPTION_KEY_URL", "BLIND_INDEX_KEY")
	wantKeys(t, c, "aic-data", "analytics-secret", "ANALYTICS_DATABASE_URL", "ANALYTICS_AUDIT_DATABASE_URL", "CATALOG_DATABASE_URL", "READER_DATABASE_URL")
	wantKeys(t, c, "aic-data", "compliance-secret", "COMPLIANCE_DATABASE_URL")
	wantKeys(t, c, "aic-data", "data-storage-secret", "STORAGE_LOCAL_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
	for _, store := range []string{"mongodb", "clickhouse", "redis"} {
		wantKeys(t, c, "aic-data", store+"-secret", "password")
	}
	password := c.secret("aic-platform", "postgresql-secret")["password"]
	if got, want := c.secret("aic-data", "migrate-secret")["ADMIN_DATABASE_URL"], "postgres://postgres:"+password+"@postgresql-service.aic-platform.svc.cluster.local:5432/postgres"; got != want {
		t.Errorf("the administrator is %s, want %s", got, want)
	}
	users, datasets := c.secret("aic-data", "user-management-secret"), c.secret("aic-data", "data-management-secret")
	for _, key := range []string{"KEY_ENCRYPTION_KEY_URL", "BLIND_INDEX_KEY"} {
		if users[key] == datasets[key] {
			t.Errorf("two domains share %s", key)
		}
	}
}

func TestSecrets_SecondRun_MakesNothing(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	c.deploy(nil, "databases").want(t, 0)
	before, made := c.secrets(), len(c.calls("create", "patch"))
	c.deploy(nil, "databases").want(t, 0, "  secret user-management-secret: kept")
	if diff := cmp.Diff(before, c.secrets()); diff != "" {
		t.Errorf("secrets have changed (-before +after):\n%s", diff)
	}
	if calls := c.calls("create", "patch"); len(calls) != made {
		t.Errorf("the second run has made: %q", calls[made:])
	}
}

func TestSecrets_ExistingServer_IsOfEachRole(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	c.deploy([]string{"ADMIN_DATABASE_URL=" + adminURL, "POOL_SIZE=2"}, "databases").want(t, 0)
	migrate := c.secret("aic-data", "migrate-secret")
	if migrate["ADMIN_DATABASE_URL"] != adminURL {
		t.Errorf("the administrator is %s", migrate["ADMIN_DATABASE_URL"])
	}
	passwords := map[string]string{}
	for _, r := range roles {
		u, err := url.Parse(migrate[r.key])
		if err != nil {
			t.Fatal(err)
		}
		password, _ := u.User.Password()
		if u.Scheme != "postgres" || u.Host != "[2001:db8::1]:5432" || u.User.Username() != r.role || len(password) < 32 || u.Path != "/"+r.database || u.RawQuery != "sslmode=disable" {
			t.Errorf("%s is %s", r.key, u)
		}
		if other, ok := passwords[password]; ok && other != r.role {
			t.Errorf("%s and %s share a password", r.role, other)
		}
		passwords[password] = r.role
	}
	if len(passwords) != 8 {
		t.Errorf("8 roles have %d passwords", len(passwords))
	}
	if got, want := c.secret("aic-data", "compliance-secret")["COMPLIANCE_DATABASE_URL"], strings.Replace(migrate["COMPLIANCE_DATABASE_URL"], "?", "?pool_max_conns=2&", 1); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSecrets_OfAnOlderRelease_AreCompleted(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	c.deploy([]string{"ADMIN_DATABASE_URL=" + adminURL}, "databases").want(t, 0)
	whole := c.secrets()
	for name, late := range map[string][]string{
		"migrate-secret":         {"COMPLIANCE_DATABASE_URL", "DATASETS_AUDIT_DATABASE_URL", "ANALYTICS_AUDIT_DATABASE_URL"},
		"data-management-secret": {"DATASETS_AUDIT_DATABASE_URL"},
		"analytics-secret":       {"ANALYTICS_AUDIT_DATABASE_URL"},
	} {
		older := c.secret("aic-data", name)
		for _, key := range late {
			delete(older, key)
			delete(whole, "aic-data/"+name+" "+key)
		}
		c.setSecret("aic-data", name, older)
	}
	c.setSecret("aic-data", "compliance-secret", map[string]string{"COMPLIANCE_DATABASE_URL": ""})
	delete(whole, "aic-data/compliance-secret COMPLIANCE_DATABASE_URL")
	c.deploy(nil, "--stores", "", "databases").want(t, 0, "  secret migrate-secret: COMPLIANCE_DATABASE_URL added", "  secret analytics-secret: ANALYTICS_AUDIT_DATABASE_URL added")
	completed := c.secrets()
	for key, value := range whole {
		if completed[key] != value {
			t.Errorf("%s has changed", key)
		}
	}
	if len(completed) != len(whole)+6 {
		t.Errorf("%d keys are now %d", len(whole), len(completed))
	}
	wantOnePasswordOfAuditReader(t, c)
}

func TestSecrets_CompletedInPart_KeepTheRolesPassword(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	c.deploy(nil, "databases").want(t, 0)
	migrate := c.secret("aic-data", "migrate-secret")
	delete(migrate, "ANALYTICS_AUDIT_DATABASE_URL")
	c.setSecret("aic-data", "migrate-secret", migrate)
	c.deploy(nil, "databases").want(t, 0)
	if c.secret("aic-data", "migrate-secret")["DATASETS_AUDIT_DATABASE_URL"] != migrate["DATASETS_AUDIT_DATABASE_URL"] {
		t.Error("a URL that was there has changed")
	}
	wantOnePasswordOfAuditReader(t, c)
}

func wantOnePasswordOfAuditReader(t *testing.T, c *cluster) {
	t.Helper()
	migrate := c.secret("aic-data", "migrate-secret")
	if got, want := migrate["ANALYTICS_AUDIT_DATABASE_URL"], strings.Replace(migrate["DATASETS_AUDIT_DATABASE_URL"], "data_management_db", "analytics_db", 1); got != want {
		t.Errorf("audit_reader has %s and %s", got, want)
	}
}

func TestSecrets_KeyThatNoReleaseLacked_IsNotMadeUp(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	c.setSecret("aic-data", "migrate-secret", map[string]string{"ADMIN_DATABASE_URL": adminURL})
	c.deploy(nil, "databases").want(t, 1, "the secret migrate-secret in aic-data has no USERS_DATABASE_URL: add it")
}

func TestSecrets_OfAnotherSource_AreLeftAsTheyAre(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	c.deploy(nil, "databases").want(t, 0)
	migrate := c.secret("aic-data", "migrate-secret")
	migrate["ADMIN_DATABASE_URL"] = "host=db user=postgres password=hush"
	c.setSecret("aic-data", "migrate-secret", migrate)
	before := c.secrets()
	c.deploy([]string{"STORES=", "SMTP_URL=smtp://other", "STORAGE_URL=file:///other"}, "databases").want(t, 0)
	if diff := cmp.Diff(before, c.secrets()); diff != "" {
		t.Errorf("secrets have changed (-before +after):\n%s", diff)
	}
}

func TestSecrets_Given_AreCarriedExactly(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	const smtp, bucket, id, key = `smtp://u:p'"$x\ #@mail:587`, "s3://mine?region=eu&endpoint=https://s3.example.com", "ID", " a=b\nc "
	c.deploy([]string{"SMTP_URL=" + smtp, "STORAGE_URL=" + bucket, "AWS_ACCESS_KEY_ID=" + id, "AWS_SECRET_ACCESS_KEY=" + key}, "databases").want(t, 0)
	if got := c.secret("aic-data", "user-management-secret")["SMTP_URL"]; got != smtp {
		t.Errorf("SMTP_URL is %q", got)
	}
	want := map[string]string{"STORAGE_LOCAL_URL": bucket, "AWS_ACCESS_KEY_ID": id, "AWS_SECRET_ACCESS_KEY": key}
	if diff := cmp.Diff(want, c.secret("aic-data", "data-storage-secret")); diff != "" {
		t.Errorf("data-storage-secret (-want +got):\n%s", diff)
	}
}

func TestSecrets_SharedVolume_HasNoAccessKey(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	c.deploy([]string{"STORAGE_URL=file:///data"}, "databases").want(t, 0)
	wantKeys(t, c, "aic-data", "data-storage-secret", "STORAGE_LOCAL_URL")
}

func TestSecrets_Values_AreNeitherArgumentsNorOutput(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	c.configure("PUBLIC_URL: https://data.example.com", `MAIL: "true"`)
	r := c.deploy([]string{"SMTP_URL=smtp://user:word@mail"})
	r.want(t, 0)
	output := r.out + r.log + strings.Join(c.calls(), "\n")
	for key, value := range c.secrets() {
		if strings.HasSuffix(key, " STORAGE_LOCAL_URL") {
			continue // nothing secret
		}
		if strings.Contains(output, value) {
			t.Errorf("the value of %s is in the arguments or the output", key)
		}
	}
}

func TestSecrets_WithoutASource_NoneIsMade(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env  []string
		want string
	}{
		{[]string{"STORES=object-storage"}, "there is no PostgreSQL: give ADMIN_DATABASE_URL, or postgresql among the stores"},
		{[]string{"STORES=postgresql"}, "there is no object storage: give STORAGE_URL, or object-storage among the stores"},
		{[]string{"STORAGE_URL=s3://mine"}, "give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY too"},
		{[]string{"AWS_ACCESS_KEY_ID=id"}, "give both or neither"},
		{[]string{"ADMIN_DATABASE_URL=postgres://u:hush/x@db"}, "ADMIN_DATABASE_URL is not postgres://"},
	} {
		cluster := newCluster(t, settings{})
		r := cluster.deploy(c.env, "databases")
		r.want(t, 1, c.want)
		if made := cluster.secrets(); len(made) > 0 || strings.Contains(r.log, "hush") {
			t.Errorf("%s: secrets %v, log %s", c.env, keysOf(made), r.log)
		}
	}
}
