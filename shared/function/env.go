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

// Config is everything that a deployment may set, as environment variables. A
// function needs only what it opens.
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

	MongoURL string `env:"MONGODB_URL"` // of a database that keeps documents; empty: PostgreSQL keeps them

	Sink            string   `env:"K_SINK"`                 // the broker
	StorageLocalURL string   `env:"STORAGE_LOCAL_URL"`      // bucket of storage_type local
	KeyURL          string   `env:"KEY_ENCRYPTION_KEY_URL"` // gocloud.dev/secrets
	BlindIndexKey   string   `env:"BLIND_INDEX_KEY"`        // 32 bytes, base64
	TokenIssuer     string   `env:"TOKEN_ISSUER, default=aic-data"`
	TokenAudience   string   `env:"TOKEN_AUDIENCE, default=aic-data"`
	TrustedProxies  Networks `env:"TRUSTED_PROXIES"`                                     // CIDRs, whose X-Forwarded-For is believed
	ServicesDomain  string   `env:"SERVICES_DOMAIN, default=aic-data.svc.cluster.local"` // of the functions' own host names
	Scratch         string   `env:"SCRATCH_DIR"`                                         // for files of one request; empty: the system's
	MaxUploadBytes  int64    `env:"MAX_UPLOAD_BYTES"`                                    // of one file; zero: 50 GiB

	SMTPURL                  string `env:"SMTP_URL"`                                 // the mail server, see mail.NewSender; users-send-mail alone needs it
	SendsMail                bool   `env:"MAIL, default=false"`                      // there is a mail server: mail is queued, and sent by users-send-mail
	MailFrom                 string `env:"MAIL_FROM"`                                // whom mail comes from: Name <address>
	SecurityContact          string `env:"SECURITY_CONTACT"`                         // mailto: or https: of who is told of vulnerabilities; empty: nobody is named
	PublicURL                string `env:"PUBLIC_URL"`                               // base of the links in mails: of the pages that people see
	RegistrationConfirmation bool   `env:"REGISTRATION_CONFIRMATION, default=false"` // an account opens once its address is confirmed by mail

	ArgonMemory       uint32           `env:"ARGON2_MEMORY_KIB"`       // of one password hash; zero: OWASP's
	ArgonIterations   uint32           `env:"ARGON2_ITERATIONS"`       // zero: OWASP's
	ArgonParallelism  uint8            `env:"ARGON2_PARALLELISM"`      // zero: OWASP's
	RateLimits        ratelimit.Limits `env:"RATE_LIMITS, default=on"` // off, or quotas such as caller=600/1m,address=off
	RedisURL          string           `env:"REDIS_URL"`               // keeps the rate limits; empty, or while it is away: user_management_db does
	PasswordMinLength int              `env:"PASSWORD_MIN_LENGTH"`     // characters that new passwords have in every organization, up to 64; zero: 8, for passwords with a second factor
	PasswordRangeURL  string           `env:"PASSWORD_RANGE_URL"`      // of a service such as Have I Been Pwned's, before the five digits; empty: none is asked

	PlatformAdminSecondFactor bool `env:"PLATFORM_ADMIN_SECOND_FACTOR, default=true"` // platform admins are none in a session without one

	SigningKeyDays int              `env:"SIGNING_KEY_DAYS, default=30"` // of one key, until the next is made
	OIDCIssuers    auth.OIDCIssuers `env:"OIDC_ISSUERS"`                 // whose tokens are taken too: JSON, [{"issuer", "audience", "jwks_url", "algorithms"}]
	OIDCSubjectKey string           `env:"OIDC_SUBJECT_KEY"`             // 32 bytes, base64: finds their subjects; the same in all functions

	DNSResolver string `env:"DNS_RESOLVER"` // host:port that is asked for organizations' domains; empty: the system's

	WebAuthnOrigins []string `env:"WEBAUTHN_ORIGINS"` // of the pages that use passkeys, such as https://app.example.com; empty: that of PUBLIC_URL
	WebAuthnRPID    string   `env:"WEBAUTHN_RP_ID"`   // the domain that passkeys belong to; empty: the host of the first origin
	AllowedOrigins  Origins  `env:"ALLOWED_ORIGINS"`  // whose pages may call the API; empty: WEBAUTHN_ORIGINS, else that of PUBLIC_URL
}

// Networks are CIDRs, separated by commas.
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

// DatabaseURLs are the URLs of the domains' databases, as their owners log in.
func (c Config) DatabaseURLs() map[database.Name]string {
	return map[database.Name]string{
		database.Users:     c.UsersDatabaseURL,
		database.Datasets:  c.DatasetsDatabaseURL,
		database.Analytics: c.AnalyticsDatabaseURL,
	}
}

// onOff lets a setting that is true or false be on or off too, and says what it may be.
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

// Env is what a function may open. Everything is opened at first use, so that a
// cold start opens only what its function uses, and shared by the functions that
// run in one process.
type Env struct {
	Name   string // of the function
	Config Config

	reaches []Use // nil: everything
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

// NewEnv makes the environment of a process.
func NewEnv(c Config) *Env {
	return &Env{Config: c, shared: &resources{
		pools:   map[string]*pgxpool.Pool{},
		buckets: map[string]*objects.Bucket{},
		sender:  outbox.NewSender(c.Sink),
	}}
}

// of is the environment as one function sees it.
func (e *Env) of(d Declaration) *Env {
	return &Env{Name: d.Name, Config: e.Config, reaches: append([]Use{}, d.Reaches()...), shared: e.shared}
}

// Close waits for events under way and closes everything that was opened.
func (e *Env) Close() error {
	e.shared.sender.Wait()
	var errs []error
	for _, closer := range e.shared.closers { // before the lock: what they wait for may still open things
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

// OnClose has a function's own resource closed when the process ends.
func (e *Env) OnClose(closer func() error) {
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	e.shared.closers = append(e.shared.closers, closer)
}

// Database is a domain's own database, whose transactions publish as this function.
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

// Sender posts events to the broker, for the functions that relay them.
func (e *Env) Sender() *outbox.Sender { return e.shared.sender }

// Verifier checks bearer tokens; operations that declare bearer security have it already.
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

// AuditTrail is the database of an audit trail, for reading it.
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

// ReaderURLs are the URLs of the roles that see a part of a database.
func (c Config) ReaderURLs() []string {
	var urls []string
	for _, url := range []string{c.IdentityDatabaseURL, c.CatalogDatabaseURL, c.ReaderDatabaseURL, c.DatasetsAuditDatabaseURL, c.AnalyticsAuditDatabaseURL, c.ComplianceDatabaseURL} {
		if url != "" {
			urls = append(urls, url)
		}
	}
	return urls
}

// Identity is what token checks read: sessions, signing keys and API keys, as they are
// published.
func (e *Env) Identity(ctx context.Context) (*pgxpool.Pool, error) {
	if err := e.allow(Callers); err != nil {
		return nil, err
	}
	return e.pool(ctx, "identity", e.Config.IdentityDatabaseURL)
}

// Catalog is the published list of the data sets that can be queried.
func (e *Env) Catalog(ctx context.Context) (*pgxpool.Pool, error) {
	if err := e.allow(Catalog); err != nil {
		return nil, err
	}
	return e.pool(ctx, "catalog", e.Config.CatalogDatabaseURL)
}

// Reader runs a person's own SQL over the projections: it may do nothing else.
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

// ErrNotConfigured reports a storage type that this deployment has no bucket for.
var ErrNotConfigured = errors.New("not configured")

// Objects is the bucket of a storage type.
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

// Keeper wraps data keys and computes blind indexes.
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

// Hasher hashes passwords; the functions of a process queue for it together.
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

// Limiter keeps callers within the configured limits; nil where nothing is limited,
// or where there is no store for it.
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

// limitStores are Redis, where there is one, and PostgreSQL for while it is away.
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

// Documents keeps documents on a server of its own. nil: none is configured, and the
// domain's database keeps them (documents.PostgreSQL).
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
