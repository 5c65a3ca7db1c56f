package function

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"function/shared/database"
	"function/shared/metrics"
	"function/shared/objects"
)

// ErrNotConfigured is returned for a storage type for which this deployment has no bucket.
var ErrNotConfigured = errors.New("not configured")

// store is where the objects of a storage type are.
type store struct{ primary, backup, archive string } // URLs; no backup or archive if empty

func (c Config) stores() map[string]store {
	return map[string]store{
		"local": {c.StorageLocalURL, c.StorageLocalBackupURL, c.StorageLocalArchiveURL},
		"s3":    {c.StorageS3URL, c.StorageS3BackupURL, c.StorageS3ArchiveURL},
		"gcs":   {c.StorageGCSURL, c.StorageGCSBackupURL, c.StorageGCSArchiveURL},
		"azure": {c.StorageAzureURL, c.StorageAzureBackupURL, c.StorageAzureArchiveURL},
	}
}

// StorageSetting returns the name of the setting that configures a storage type.
func StorageSetting(storageType string) string {
	return "STORAGE_" + strings.ToUpper(storageType) + "_URL"
}

// ArchiveSetting returns the name of the setting that configures the archive of a storage type.
func ArchiveSetting(storageType string) string {
	return "STORAGE_" + strings.ToUpper(storageType) + "_ARCHIVE_URL"
}

// checkStores refuses a backup or an archive that is another store of the same type.
func (c Config) checkStores() error {
	for storageType, configured := range c.stores() {
		setting, archive := StorageSetting(storageType), ArchiveSetting(storageType)
		backup := "STORAGE_" + strings.ToUpper(storageType) + "_BACKUP_URL"
		for _, second := range []struct{ setting, url string }{{backup, configured.backup}, {archive, configured.archive}} {
			switch {
			case second.url == "":
			case configured.primary == "":
				return fmt.Errorf("%s is set without %s", second.setting, setting)
			case storeID(second.url) == storeID(configured.primary):
				return fmt.Errorf("%s is the same bucket as %s: use another bucket, for a backup in another region or at another provider", second.setting, setting)
			}
		}
		if configured.archive != "" && configured.backup != "" && storeID(configured.archive) == storeID(configured.backup) {
			return fmt.Errorf("%s is the same bucket as %s: use another bucket", archive, backup)
		}
	}
	return nil
}

// Objects opens the bucket of a storage type. If the type has a backup, reads that fail in the
// bucket continue there.
func (e *Env) Objects(ctx context.Context, storageType string) (*objects.Bucket, error) {
	if err := e.allow(Objects); err != nil {
		return nil, err
	}
	configured := e.Config.stores()[storageType]
	if configured.primary == "" {
		return nil, fmt.Errorf("open storage %s: %w", storageType, ErrNotConfigured)
	}
	counter := e.counter(ctx)
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	if bucket, ok := e.shared.reads[storageType]; ok {
		return bucket, nil
	}
	bucket, err := e.bucket(ctx, storageType, configured.primary)
	if err != nil {
		return nil, err
	}
	if configured.backup != "" {
		backup, err := e.bucket(ctx, "backup of "+storageType, configured.backup)
		if err != nil {
			slog.ErrorContext(ctx, "reads cannot fail over", "error", err)
			return bucket, nil
		}
		bucket = bucket.WithBackup(backup, e.shared.failover(storageType, counter))
	}
	e.shared.reads[storageType] = bucket
	return bucket, nil
}

// Backups returns the configured backups: for each storage type that has one, the identity of the
// store.
func (e *Env) Backups() map[string]string {
	backups := map[string]string{}
	for storageType, configured := range e.Config.stores() {
		if configured.primary != "" && configured.backup != "" {
			backups[storageType] = storeID(configured.backup)
		}
	}
	return backups
}

// Backup opens the backup of a storage type.
func (e *Env) Backup(ctx context.Context, storageType string) (*objects.Bucket, error) {
	if err := e.allow(Objects); err != nil {
		return nil, err
	}
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	configured := e.Config.stores()[storageType]
	if configured.backup == "" {
		return nil, fmt.Errorf("open backup of %s: %w", storageType, ErrNotConfigured)
	}
	return e.bucket(ctx, "backup of "+storageType, configured.backup)
}

// Archives returns the configured archives: for each storage type that has one, the identity of the
// store.
func (e *Env) Archives() map[string]string {
	archives := map[string]string{}
	for storageType, configured := range e.Config.stores() {
		if configured.primary != "" && configured.archive != "" {
			archives[storageType] = storeID(configured.archive)
		}
	}
	return archives
}

// Archive opens the archive of a storage type.
func (e *Env) Archive(ctx context.Context, storageType string) (*objects.Bucket, error) {
	if err := e.allow(Objects); err != nil {
		return nil, err
	}
	e.shared.mu.Lock()
	defer e.shared.mu.Unlock()
	configured := e.Config.stores()[storageType]
	if configured.archive == "" {
		return nil, fmt.Errorf("open archive of %s: %w", storageType, ErrNotConfigured)
	}
	return e.bucket(ctx, "archive of "+storageType, configured.archive)
}

// bucket opens the bucket at a URL once. The caller holds the lock.
func (e *Env) bucket(ctx context.Context, what, rawURL string) (*objects.Bucket, error) {
	if bucket, ok := e.shared.buckets[rawURL]; ok {
		return bucket, nil
	}
	bucket, err := objects.Open(ctx, rawURL)
	if err != nil {
		return nil, fmt.Errorf("open storage %s: %w", what, err)
	}
	e.shared.buckets[rawURL] = bucket
	return bucket, nil
}

// location lists the URL parameters that say where a bucket is.
var location = []string{"endpoint", "region", "prefix", "domain", "storage_account"}

// storeID returns the part of a bucket's URL that identifies the bucket. Other parameters, such as
// a timeout or a profile, may change while the copies in it stay.
func storeID(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "" // objects.Open refuses it
	}
	id, all, kept := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}, u.Query(), url.Values{}
	for _, name := range location {
		if all.Has(name) {
			kept[name] = all[name]
		}
	}
	id.RawQuery = kept.Encode()
	return id.String()
}

// counter returns the database in which this function counts, or nil.
func (e *Env) counter(ctx context.Context) database.Writer {
	for _, name := range []database.Name{database.Datasets, database.Analytics} {
		if e.Declares(Owns(name)) {
			if db, err := e.Database(ctx, name); err == nil {
				return db
			}
		}
	}
	return nil
}

// failover returns the function that reports that a read continues in the backup. The caller holds
// the lock.
func (r *resources) failover(storageType string, counter database.Writer) func(context.Context, string, error) {
	count := &metrics.Tally{}
	if counter != nil {
		count.Keep(counter, "data_backup_reads_total", metrics.Labels{"storage_type": storageType})
		r.closers = append(r.closers, count.Close)
	}
	return func(ctx context.Context, name string, err error) {
		count.Inc()
		slog.WarnContext(ctx, "reading the backup, because the primary store failed", "storage_type", storageType, "object", name, "error", err)
	}
}
