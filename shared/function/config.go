package function

import (
	"context"
	"fmt"
	"net/netip"
	"reflect"
	"strings"

	"github.com/sethvargo/go-envconfig"

	"function/shared/auth"
	"function/shared/database"
	"function/shared/ratelimit"
)

// Config is everything that a deployment can set, as environment variables. A function needs only
// the settings of what it opens.
type Config struct {
	UsersDatabaseURL     string `env:"USERS_DATABASE_URL"`
	DatasetsDatabaseURL  string `env:"DATASETS_DATABASE_URL"`
	AnalyticsDatabaseURL string `env:"ANALYTICS_DATABASE_URL"`
	IdentityDatabaseURL  string `env:"IDENTITY_DATABASE_URL"` // user_management_db as token_verifier
	CatalogDatabaseURL   string `env:"CATALOG_DATABASE_URL"`  // data_management_db as catalog_reader
	ReaderDatabaseURL    string `env:"READER_DATABASE_URL"`   // analytics_db as analytics_reader

	ComplianceDatabaseURL     string `env:"COMPLIANCE_DATABASE_URL"`      // user_management_db as compliance
	DatasetsAuditDatabaseURL  string `env:"DATASETS_AUDIT_DATABASE_URL"`  // data_management_db as audit_reader
	AnalyticsAuditDatabaseURL string `env:"ANALYTICS_AUDIT_DATABASE_URL"` // analytics_db as audit_reader

	MongoURL string `env:"MONGODB_URL"` // a database that stores documents; empty: PostgreSQL stores them

	SearchURL string `env:"SEARCH_URL"` // Elasticsearch or OpenSearch, in which data sets are searched; empty or unavailable: PostgreSQL searches

	StorageLocalURL string `env:"STORAGE_LOCAL_URL"` // the bucket of storage_type local
	StorageS3URL    string `env:"STORAGE_S3_URL"`    // of s3; empty: this type is refused, like the next two
	StorageGCSURL   string `env:"STORAGE_GCS_URL"`
	StorageAzureURL string `env:"STORAGE_AZURE_URL"`

	// The bucket, in another region or at another provider, that receives a copy of every object of
	// a storage type; empty: no copies.
	StorageLocalBackupURL string `env:"STORAGE_LOCAL_BACKUP_URL"`
	StorageS3BackupURL    string `env:"STORAGE_S3_BACKUP_URL"`
	StorageGCSBackupURL   string `env:"STORAGE_GCS_BACKUP_URL"`
	StorageAzureBackupURL string `env:"STORAGE_AZURE_BACKUP_URL"`

	// The bucket, usually of a cheaper class, to which lifecycle policies move old versions of a
	// storage type; empty: such policies are refused.
	StorageLocalArchiveURL string `env:"STORAGE_LOCAL_ARCHIVE_URL"`
	StorageS3ArchiveURL    string `env:"STORAGE_S3_ARCHIVE_URL"`
	StorageGCSArchiveURL   string `env:"STORAGE_GCS_ARCHIVE_URL"`
	StorageAzureArchiveURL string `env:"STORAGE_AZURE_ARCHIVE_URL"`

	Sink           string   `env:"K_SINK"`                          // the broker
	KeyURL         string   `env:"KEY_ENCRYPTION_KEY_URL"`          // gocloud.dev/secrets
	PreviousKeyURL string   `env:"PREVIOUS_KEY_ENCRYPTION_KEY_URL"` // unwraps what the former key wrapped, until that is rewrapped; empty: no rotation
	BlindIndexKey  string   `env:"BLIND_INDEX_KEY"`                 // 32 bytes, base64
	TokenIssuer    string   `env:"TOKEN_ISSUER, default=aic-data"`
	TokenAudience  string   `env:"TOKEN_AUDIENCE, default=aic-data"`
	TrustedProxies Networks `env:"TRUSTED_PROXIES"`                                     // CIDRs of proxies whose X-Forwarded-For is trusted
	ServicesDomain string   `env:"SERVICES_DOMAIN, default=aic-data.svc.cluster.local"` // DNS suffix of the functions' own host names
	Scratch        string   `env:"SCRATCH_DIR"`                                         // directory for a request's temporary files; empty: the system's
	MaxUploadBytes int64    `env:"MAX_UPLOAD_BYTES"`                                    // per file; zero: 50 GiB
	ImportNetworks Networks `env:"IMPORT_NETWORKS"`                                     // CIDRs that are not public, from which files may be imported nevertheless

	DirectUploads bool `env:"DIRECT_UPLOADS, default=false"` // whether clients may put files into the buckets by signed URLs, in plain text until they are sealed

	SMTPURL                  string `env:"SMTP_URL"`                                 // the mail server, see mail.NewSender; only users-send-mail needs it
	SendsMail                bool   `env:"MAIL, default=false"`                      // whether mail is queued for users-send-mail, which needs a mail server
	MailFrom                 string `env:"MAIL_FROM"`                                // the sender: Name <address>
	SecurityContact          string `env:"SECURITY_CONTACT"`                         // mailto: or https: URL for vulnerability reports; empty: none is published
	PublicURL                string `env:"PUBLIC_URL"`                               // base of the links in mails: the user-facing pages
	RegistrationConfirmation bool   `env:"REGISTRATION_CONFIRMATION, default=false"` // require a confirmed address before an account opens

	ArgonMemory       uint32           `env:"ARGON2_MEMORY_KIB"`       // per password hash; zero: OWASP's value
	ArgonIterations   uint32           `env:"ARGON2_ITERATIONS"`       // zero: OWASP's value
	ArgonParallelism  uint8            `env:"ARGON2_PARALLELISM"`      // zero: OWASP's value
	RateLimits        ratelimit.Limits `env:"RATE_LIMITS, default=on"` // off, or quotas such as caller=600/1m,address=off
	RedisURL          string           `env:"REDIS_URL"`               // stores rate limits; empty or unavailable: user_management_db stores them
	PasswordMinLength int              `env:"PASSWORD_MIN_LENGTH"`     // minimum length of new passwords in every organization, in characters, at most 64; zero: 8 with a second factor
	PasswordRangeURL  string           `env:"PASSWORD_RANGE_URL"`      // URL of a Have I Been Pwned range API, without the five digits; empty: no check

	PlatformAdminSecondFactor bool `env:"PLATFORM_ADMIN_SECOND_FACTOR, default=true"` // platform admin rights require a session with a second factor

	SigningKeyDays int              `env:"SIGNING_KEY_DAYS, default=30"` // lifetime of a signing key before the next one replaces it
	OIDCIssuers    auth.OIDCIssuers `env:"OIDC_ISSUERS"`                 // issuers whose tokens are accepted: JSON, [{"issuer", "audience", "jwks_url", "algorithms"}]
	OIDCSubjectKey string           `env:"OIDC_SUBJECT_KEY"`             // 32 bytes, base64: key of the blind index of their subjects; the same in all functions

	DNSResolver string `env:"DNS_RESOLVER"` // host:port of the resolver that verifies organizations' domains; empty: the system's

	WebAuthnOrigins []string `env:"WEBAUTHN_ORIGINS"` // of the pages that use passkeys, such as https://app.example.com; empty: the origin of PUBLIC_URL
	WebAuthnRPID    string   `env:"WEBAUTHN_RP_ID"`   // the domain that passkeys belong to; empty: the host of the first origin
	AllowedOrigins  Origins  `env:"ALLOWED_ORIGINS"`  // origins whose pages may call the API; empty: WEBAUTHN_ORIGINS, or else the origin of PUBLIC_URL
}

// Networks is a list of CIDRs, separated by commas.
type Networks []netip.Prefix

// EnvDecode implements envconfig.Decoder.
func (n *Networks) EnvDecode(value string) error {
	for field := range strings.SplitSeq(value, ",") {
		if field = strings.TrimSpace(field); field == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(field)
		if err != nil {
			return fmt.Errorf("%q is not a network such as 10.0.0.0/8", field)
		}
		*n = append(*n, prefix)
	}
	return nil
}

// DatabaseURLs returns the URLs of the domains' databases, for the roles that own them.
func (c Config) DatabaseURLs() map[database.Name]string {
	return map[database.Name]string{
		database.Users:     c.UsersDatabaseURL,
		database.Datasets:  c.DatasetsDatabaseURL,
		database.Analytics: c.AnalyticsDatabaseURL,
	}
}

// onOff accepts on and off for boolean settings, besides true and false.
func onOff(_ context.Context, key, _, _, value string) (string, bool, error) {
	config := reflect.TypeFor[Config]()
	for i := range config.NumField() {
		field := config.Field(i)
		if name, _, _ := strings.Cut(field.Tag.Get("env"), ","); name != key || field.Type.Kind() != reflect.Bool {
			continue
		}
		switch strings.ToLower(value) {
		case "on", "true", "1":
			return "true", false, nil
		case "off", "false", "0":
			return "false", false, nil
		}
		return value, true, fmt.Errorf("%s is %q, but must be on or off (or true or false)", key, value)
	}
	return value, false, nil
}

// ConfigFromEnvironment reads the configuration of a deployed function.
func ConfigFromEnvironment(ctx context.Context) (Config, error) {
	var c Config
	settings := &envconfig.Config{Target: &c, Lookuper: envconfig.OsLookuper(), Mutators: []envconfig.Mutator{envconfig.MutatorFunc(onOff)}}
	if err := envconfig.ProcessWith(ctx, settings); err != nil {
		return c, fmt.Errorf("read configuration: %w", err)
	}
	return c, c.checkStores()
}

// ReaderURLs returns the configured URLs of the roles that see only part of a database.
func (c Config) ReaderURLs() []string {
	var urls []string
	for _, url := range []string{c.IdentityDatabaseURL, c.CatalogDatabaseURL, c.ReaderDatabaseURL, c.DatasetsAuditDatabaseURL, c.AnalyticsAuditDatabaseURL, c.ComplianceDatabaseURL} {
		if url != "" {
			urls = append(urls, url)
		}
	}
	return urls
}
