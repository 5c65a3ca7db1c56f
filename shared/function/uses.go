package function

import (
	"fmt"
	"slices"

	"function/shared/database"
)

// Use is something outside its process that a function may reach. `make generate` gives the
// function's pods the secrets and network access of what it declares, and its Env refuses
// everything else.
type Use struct {
	Name     string    // label on its pods that network policies select
	Settings []Setting // its address and credentials
}

// Setting is an environment variable that comes from a secret.
type Setting struct {
	Name     string
	Optional bool // a deployment may leave it out
}

func required(names ...string) (settings []Setting) {
	for _, name := range names {
		settings = append(settings, Setting{Name: name})
	}
	return settings
}

func optional(names ...string) (settings []Setting) {
	for _, name := range names {
		settings = append(settings, Setting{Name: name, Optional: true})
	}
	return settings
}

// The uses that a function can declare.
var (
	// Catalog is the published list of the data sets that can be queried.
	Catalog = Use{"catalog", required("CATALOG_DATABASE_URL")}
	// Projections are the tables that users' own SQL reads.
	Projections = Use{"projections", required("READER_DATABASE_URL")}
	// Keys are the key encryption key, which seals personal data and files, and the key of the
	// blind indexes; during a rotation, also the previous key encryption key. The optional settings log in to a key service.
	Keys = Use{"keys", slices.Concat(required("KEY_ENCRYPTION_KEY_URL", "BLIND_INDEX_KEY"), optional(
		"PREVIOUS_KEY_ENCRYPTION_KEY_URL",
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET",
		"VAULT_SERVER_URL", "VAULT_SERVER_TOKEN"))}
	// Objects is the object storage: the buckets of the storage types, their backups and
	// archives, and the credentials for them.
	Objects = Use{"objects", slices.Concat(required("STORAGE_LOCAL_URL"), optional(
		"STORAGE_S3_URL", "STORAGE_GCS_URL", "STORAGE_AZURE_URL",
		"STORAGE_LOCAL_BACKUP_URL", "STORAGE_S3_BACKUP_URL", "STORAGE_GCS_BACKUP_URL", "STORAGE_AZURE_BACKUP_URL",
		"STORAGE_LOCAL_ARCHIVE_URL", "STORAGE_S3_ARCHIVE_URL", "STORAGE_GCS_ARCHIVE_URL", "STORAGE_AZURE_ARCHIVE_URL",
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AZURE_STORAGE_ACCOUNT", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN"))}
	// Documents is the MongoDB server, for a domain that uses one.
	Documents = Use{"documents", optional("MONGODB_URL")}
	// Search is the search server.
	Search = Use{"search", optional("SEARCH_URL")}
	// Mail is the mail server.
	Mail = Use{"mail", optional("SMTP_URL")}
	// AuditTrails are the audit trails of databases that the function does not own.
	AuditTrails = Use{"audit-trails", required("DATASETS_AUDIT_DATABASE_URL", "ANALYTICS_AUDIT_DATABASE_URL")}
	// Web is hosts on the Internet, at any port.
	Web = Use{"web", nil}
	// Callers identifies callers and limits their rate. Every function with operations has it.
	Callers = Use{"callers", slices.Concat(required("IDENTITY_DATABASE_URL"), optional("REDIS_URL", "OIDC_SUBJECT_KEY"))}
)

// Owns is a domain's database, opened as the role that owns its tables.
func Owns(name database.Name) Use {
	return Use{string("owns-" + ownerLabels[name]), required(ownerSettings[name])}
}

var (
	ownerSettings = map[database.Name]string{
		database.Users: "USERS_DATABASE_URL", database.Datasets: "DATASETS_DATABASE_URL", database.Analytics: "ANALYTICS_DATABASE_URL",
		database.Compliance: "COMPLIANCE_DATABASE_URL",
	}
	ownerLabels = map[database.Name]database.Name{database.Users: "users", database.Datasets: "datasets", database.Analytics: "analytics", database.Compliance: "compliance"}
)

// Uses declares what the function may reach, in addition to Callers.
func (d Declaration) Uses(uses ...Use) Declaration {
	d.Declared = append(slices.Clone(d.Declared), uses...)
	return d
}

// Reaches returns everything that the function may reach: Callers, if it has operations, and what
// it declares.
func (d Declaration) Reaches() []Use {
	if len(d.Operations) == 0 {
		return d.Declared
	}
	return append([]Use{Callers}, d.Declared...)
}

// Declares reports whether the function may use something.
func (e *Env) Declares(use Use) bool { return e.allow(use) == nil }

// allow refuses what the function has not declared. A process that serves no function, such as a
// command's, may use everything.
func (e *Env) allow(use Use) error {
	if e.reaches == nil || slices.ContainsFunc(e.reaches, func(u Use) bool { return u.Name == use.Name }) {
		return nil
	}
	return fmt.Errorf("%s does not declare that it uses %s (function.Uses)", e.Name, use.Name)
}
