package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"function/shared/database"
	"function/shared/database/migrate"
	"function/shared/function"
	"function/shared/mailbox"
	"function/shared/postgres"
)

// stores is the platform's state: under DATA_DIR a PostgreSQL server, the objects, and the keys
// that encrypt both; in memory the mail of this run.
type stores struct {
	server  *postgres.Server
	mailbox *mailbox.Mailbox
	config  function.Config
}

// poolSize is the number of connections per pool. All functions share the pools.
const poolSize = "12"

func openStores(ctx context.Context, dir string, address net.Addr) (*stores, error) {
	if _, err := os.Stat(filepath.Join(dir, "postgres")); errors.Is(err, fs.ErrNotExist) {
		fmt.Println("making a database in", dir, "…")
	}
	server, err := postgres.Start(ctx, postgres.Options{Dir: filepath.Join(dir, "postgres"), Durable: true})
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	s := &stores{server: server}
	if s.mailbox, err = mailbox.Open(announce); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if err := s.prepare(ctx, dir, address); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// prepare sets the configuration that is fixed locally. The rest comes from the environment, as on
// a cluster.
func (s *stores) prepare(ctx context.Context, dir string, address net.Addr) error {
	var err error
	if s.config, err = function.ConfigFromEnvironment(ctx); err != nil {
		return err
	}
	keys, err := openKeys(filepath.Join(dir, "keys.json"))
	if err != nil {
		return err
	}
	scratch := filepath.Join(dir, "scratch")
	if err := os.RemoveAll(scratch); err != nil {
		return fmt.Errorf("empty scratch directory: %w", err)
	}
	if err := os.Mkdir(scratch, 0o700); err != nil {
		return fmt.Errorf("make scratch directory: %w", err)
	}
	login := func(role string, name database.Name) string {
		dsn, asErr := postgres.As(s.server.ConnString(postgres.Superuser), role, string(name))
		err = errors.Join(err, asErr)
		return dsn + "&pool_max_conns=" + poolSize
	}
	c := &s.config
	c.UsersDatabaseURL = login(migrate.Owners[database.Users], database.Users)
	c.DatasetsDatabaseURL = login(migrate.Owners[database.Datasets], database.Datasets)
	c.AnalyticsDatabaseURL = login(migrate.Owners[database.Analytics], database.Analytics)
	c.IdentityDatabaseURL = login("token_verifier", database.Users)
	c.CatalogDatabaseURL = login("catalog_reader", database.Datasets)
	c.ReaderDatabaseURL = login("analytics_reader", database.Analytics)
	c.ComplianceDatabaseURL = login("compliance", database.Users)
	c.DatasetsAuditDatabaseURL = login("audit_reader", database.Datasets)
	c.AnalyticsAuditDatabaseURL = login("audit_reader", database.Analytics)
	c.Sink = "http://" + address.String() + brokerPath
	c.StorageLocalURL = (&url.URL{Scheme: "file", Path: filepath.Join(dir, "objects")}).String()
	c.KeyURL, c.BlindIndexKey = "base64key://"+keys.KeyEncryptionKey, keys.BlindIndexKey
	c.TokenIssuer = "http://localhost:" + fmt.Sprint(address.(*net.TCPAddr).Port)
	c.SendsMail = true
	c.SMTPURL, c.MailFrom, c.PublicURL = s.mailbox.URL(), "Data services <no-reply@localhost>", c.TokenIssuer
	c.Scratch = scratch
	if err != nil {
		return err
	}
	return s.migrate(ctx)
}

func (s *stores) migrate(ctx context.Context) error {
	err := migrate.All(ctx, s.server.ConnString(postgres.Superuser), s.config.DatabaseURLs())
	if errors.Is(err, migrate.ErrNewer) {
		return fmt.Errorf("%w; run the version that made this data, or choose another DATA_DIR", err)
	}
	return err
}

func (s *stores) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	var err error
	if s.mailbox != nil {
		err = s.mailbox.Close()
	}
	return errors.Join(err, s.server.Stop(ctx))
}

// keys are the encryption keys. If the file is lost, so is the data.
type keys struct {
	KeyEncryptionKey string `json:"key_encryption_key"` // 32 bytes, base64url
	BlindIndexKey    string `json:"blind_index_key"`    // 32 bytes, base64
}

func openKeys(path string) (keys, error) {
	var k keys
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKeys(path)
	}
	if err == nil {
		err = json.Unmarshal(content, &k)
	}
	if err != nil {
		return k, fmt.Errorf("read keys: %w", err)
	}
	return k, nil
}

func makeKeys(path string) (keys, error) {
	raw := make([]byte, 64)
	rand.Read(raw)
	k := keys{base64.URLEncoding.EncodeToString(raw[:32]), base64.StdEncoding.EncodeToString(raw[32:])}
	content, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return k, fmt.Errorf("encode keys: %w", err)
	}
	// Written to a temporary file and renamed, because an incomplete key file would make the data
	// unreadable.
	file, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return k, fmt.Errorf("make keys: %w", err)
	}
	_, err = file.Write(content)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return k, fmt.Errorf("write keys: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return k, fmt.Errorf("keep keys: %w", err)
	}
	return k, nil
}

func dataDir(name string) (string, error) {
	dir, err := filepath.Abs(name)
	if err != nil {
		return "", fmt.Errorf("DATA_DIR %s: %w", name, err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("DATA_DIR %s cannot be made: %w", dir, err)
	}
	probe, err := os.CreateTemp(dir, ".probe-")
	if err != nil {
		return "", fmt.Errorf("DATA_DIR %s cannot be written to: %w", dir, err)
	}
	return dir, errors.Join(probe.Close(), os.Remove(probe.Name()))
}

func listen(port string) (net.Listener, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("port %s is in use: stop what uses it, or choose another with PORT=…", port)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on port %s: %w", port, err)
	}
	return listener, nil
}
