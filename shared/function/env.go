package function

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/sethvargo/go-envconfig"

	"function/shared/auth"
	"function/shared/database"
	"function/shared/documents"
	"function/shared/objects"
	"function/shared/outbox"
	"function/shared/password"
	"function/shared/ratelimit"
	"function/shared/secret"
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

	Sink            string   `env:"K_SINK"`                 // the broker
	StorageLocalURL string   `env:"STORAGE_LOCAL_URL"`      // the bucket of storage_type local
	KeyURL          string   `env:"KEY_ENCRYPTION_KEY_URL"` // gocloud.dev/secrets
	BlindIndexKey   string   `env:"BLIND_INDEX_KEY"`        // 32 bytes, base64
	TokenIssuer     string   `env:"TOKEN_ISSUER, default=aic-data"`
	TokenAudience   string   `env:"TOKEN_AUDIENCE, default=aic-data"`
	TrustedProxies  Networks `env:"TRUSTED_PROXIES"`                                     // CIDRs of proxies whose X-Forwarded-For is trusted
	ServicesDomain  string   `env:"SERVICES_DOMAIN, default=aic-data.svc.cluster.local"` // DNS suffix of the functions' own host names
	Scratch         string   `env:"SCRATCH_DIR"`                                         // directory for a request's temporary files; empty: the system's
	MaxUploadBytes  int64    `env:"MAX_UPLOAD_BYTES"`                                    // per file; zero: 50 GiB

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
	return c, nil
}

// Env opens what a function uses. Each resource is opened on first use, so that a cold start opens
// only what its function needs, and is shared by all functions of the process.
type Env struct {
	Name   string // the function's name
	Config Config

	reaches []Use // nil: no restriction
	shared  *resources
}

type resources struct {
	mu        sync.Mutex
	pools     map[string]*pgxpool.Pool
	buckets   map[string]*objects.Bucket
	keeper    *secret.Keeper
	hasher    *password.Hasher
	limiter   *ratelimit.Limiter
	documents documents.Server
	sender    *outbox.Sender
	closers   []func() error
}

// NewEnv returns the environment of a process.
func NewEnv(c Config) *Env {
	return &Env{Config: c, shared: &resources{
		pools:   map[string]*pgxpool.Pool{},
		buckets: map[string]*objects.Bucket{},
		sender:  outbox.NewSender(c.Sink),
	}}
}

// of returns the environment restricted to what one function declares.
func (e *Env) of(d Declaration) *Env {
	return &Env{Name: d.Name, Config: e.Config, reaches: append([]Use{}, d.Reaches()...), shared: e.shared}
}

// Close waits for events that are being sent and closes everything that was opened.
func (e *Env) Close() error {
	e.shared.sender.Wait()
	var errs []error
	for _, closer := range e.shared.closers { // not under the lock: closers may wait for work that still opens resources
		errs = append(errs, closer())
	}
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	for _, bucket := range e.shared.buckets {
		errs = append(errs, bucket.Close())
	}
	for _, pool := range e.shared.pools {
		pool.Close()
	}
	return errors.Join(errs...)
}

// OnClose registers a function that closes a resource when the process ends.
func (e *Env) OnClose(closer func() error) {
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	e.shared.closers = append(e.shared.closers, closer)
}

// Database opens a domain's own database. Its transactions publish events as this function.
func (e *Env) Database(ctx context.Context, name database.Name) (*outbox.DB, error) {
	if err := e.allow(Owns(name)); err != nil {
		return nil, err
	}
	url := e.Config.DatabaseURLs()[name]
	if name == database.Compliance {
		url = e.Config.ComplianceDatabaseURL
	}
	pool, err := e.pool(ctx, string(name), url)
	if err != nil {
		return nil, err
	}
	return outbox.New(pool, e.Name, e.shared.sender), nil
}

// Sender returns the sender that posts events to the broker, for functions that relay them.
func (e *Env) Sender() *outbox.Sender { return e.shared.sender }

// Verifier returns the verifier of bearer tokens. Operations with bearer security have it already.
func (e *Env) Verifier(ctx context.Context) (*auth.Verifier, error) {
	if err := e.allow(Callers); err != nil {
		return nil, err
	}
	pool, err := e.pool(ctx, "identity", e.Config.IdentityDatabaseURL)
	if err != nil {
		return nil, err
	}
	verifier := auth.NewVerifier(pool, e.Config.TokenIssuer, e.Config.TokenAudience)
	if err := verifier.Trust(e.Config.OIDCIssuers, e.Config.OIDCSubjectKey); err != nil {
		return nil, err
	}
	verifier.AdminsNeedSecondFactor = e.Config.PlatformAdminSecondFactor
	e.OnClose(verifier.Close)
	return verifier, nil
}

// AuditTrail opens a database for reading its audit trail.
func (e *Env) AuditTrail(ctx context.Context, name database.Name) (*pgxpool.Pool, error) {
	if e.reaches != nil && e.allow(Owns(name)) == nil {
		db, err := e.Database(ctx, name)
		if err != nil {
			return nil, err
		}
		return db.Pool, nil
	}
	if err := e.allow(AuditTrails); err != nil {
		return nil, err
	}
	urls := map[database.Name]string{database.Datasets: e.Config.DatasetsAuditDatabaseURL, database.Analytics: e.Config.AnalyticsAuditDatabaseURL}
	return e.pool(ctx, "audit trail of "+string(name), urls[name])
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

// Identity opens the published views that token checks read: sessions, signing keys and API keys.
func (e *Env) Identity(ctx context.Context) (*pgxpool.Pool, error) {
	if err := e.allow(Callers); err != nil {
		return nil, err
	}
	return e.pool(ctx, "identity", e.Config.IdentityDatabaseURL)
}

// Catalog opens the published view of the data sets that can be queried.
func (e *Env) Catalog(ctx context.Context) (*pgxpool.Pool, error) {
	if err := e.allow(Catalog); err != nil {
		return nil, err
	}
	return e.pool(ctx, "catalog", e.Config.CatalogDatabaseURL)
}

// Reader opens the projections with a role that can only read them, to run users' SQL.
func (e *Env) Reader(ctx context.Context) (*pgxpool.Pool, error) {
	if err := e.allow(Projections); err != nil {
		return nil, err
	}
	return e.pool(ctx, "reader", e.Config.ReaderDatabaseURL)
}

func (e *Env) pool(ctx context.Context, what, url string) (*pgxpool.Pool, error) {
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	if pool, ok := e.shared.pools[what]; ok {
		return pool, nil
	}
	if url == "" {
		return nil, fmt.Errorf("%s needs the %s database, whose URL is not configured", e.Name, what)
	}
	pool, err := database.Open(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("%s database: %w", what, err)
	}
	e.shared.pools[what] = pool
	return pool, nil
}

// ErrNotConfigured is returned for a storage type for which this deployment has no bucket.
var ErrNotConfigured = errors.New("not configured")

// Objects opens the bucket of a storage type.
func (e *Env) Objects(ctx context.Context, storageType string) (*objects.Bucket, error) {
	if err := e.allow(Objects); err != nil {
		return nil, err
	}
	urls := map[string]string{"local": e.Config.StorageLocalURL}
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	if bucket, ok := e.shared.buckets[storageType]; ok {
		return bucket, nil
	}
	if urls[storageType] == "" {
		return nil, fmt.Errorf("open storage %s: %w", storageType, ErrNotConfigured)
	}
	bucket, err := objects.Open(ctx, urls[storageType])
	if err != nil {
		return nil, fmt.Errorf("open storage %s: %w", storageType, err)
	}
	e.shared.buckets[storageType] = bucket
	return bucket, nil
}

// Keeper returns the keeper, which wraps data keys and computes blind indexes.
func (e *Env) Keeper(ctx context.Context) (*secret.Keeper, error) {
	if err := e.allow(Keys); err != nil {
		return nil, err
	}
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	if e.shared.keeper != nil {
		return e.shared.keeper, nil
	}
	keeper, err := secret.Open(ctx, e.Config.KeyURL, e.Config.BlindIndexKey)
	if err != nil {
		return nil, fmt.Errorf("open keeper: %w", err)
	}
	e.shared.keeper = keeper
	return keeper, nil
}

// Hasher returns the password hasher. All functions of a process share its queue.
func (e *Env) Hasher() (*password.Hasher, error) {
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	if e.shared.hasher != nil {
		return e.shared.hasher, nil
	}
	hasher, err := password.NewHasher(password.Parameters{
		Memory:      cmp.Or(e.Config.ArgonMemory, password.OWASP.Memory),
		Iterations:  cmp.Or(e.Config.ArgonIterations, password.OWASP.Iterations),
		Parallelism: cmp.Or(e.Config.ArgonParallelism, password.OWASP.Parallelism),
	})
	if err != nil {
		return nil, fmt.Errorf("configure password hashing: %w", err)
	}
	e.shared.hasher = hasher
	return hasher, nil
}

// Limiter returns the rate limiter, or nil if limits are off or no store is configured.
func (e *Env) Limiter(ctx context.Context) (*ratelimit.Limiter, error) {
	if e.Config.RateLimits.Off() || e.Config.RedisURL == "" && e.Config.IdentityDatabaseURL == "" {
		return nil, nil
	}
	e.shared.mu.Lock()
	known := e.shared.limiter
	e.shared.mu.Unlock()
	if known != nil {
		return known, nil
	}
	stores, err := e.limitStores(ctx)
	if err != nil {
		return nil, err
	}
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	e.shared.limiter = ratelimit.NewLimiter(stores...)
	return e.shared.limiter, nil
}

// limitStores returns Redis, if configured, followed by PostgreSQL as the fallback.
func (e *Env) limitStores(ctx context.Context) (stores []ratelimit.Store, err error) {
	if e.Config.RedisURL != "" {
		store, err := ratelimit.Drivers.Open(e.Config.RedisURL)
		if err != nil {
			return nil, err
		}
		e.OnClose(store.Close)
		stores = append(stores, store)
	}
	if e.Config.IdentityDatabaseURL != "" {
		pool, err := e.pool(ctx, "identity", e.Config.IdentityDatabaseURL)
		if err != nil {
			return nil, err
		}
		stores = append(stores, ratelimit.NewPostgres(pool))
	}
	return stores, nil
}

// Documents returns the document server, or nil if none is configured; the domain's database stores
// the documents then (documents.PostgreSQL).
func (e *Env) Documents() (documents.Server, error) {
	if err := e.allow(Documents); err != nil {
		return nil, err
	}
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	if e.shared.documents != nil || e.Config.MongoURL == "" {
		return e.shared.documents, nil
	}
	opened, err := documents.Drivers.Open(e.Config.MongoURL)
	if err != nil {
		return nil, err
	}
	e.shared.documents = opened
	e.shared.closers = append(e.shared.closers, opened.Close)
	return opened, nil
}
