package function_test

import (
	"strings"
	"testing"

	"function/shared/function"
)

func TestConfig_Booleans_AreOnOrOff(t *testing.T) {
	for value, want := range map[string]bool{"on": true, "ON": true, "true": true, "1": true, "off": false, "false": false, "0": false} {
		t.Setenv("PLATFORM_ADMIN_SECOND_FACTOR", value)
		c, err := function.ConfigFromEnvironment(t.Context())
		if err != nil || c.PlatformAdminSecondFactor != want || c.RegistrationConfirmation {
			t.Errorf("%q is %v (%v), want %v", value, c.PlatformAdminSecondFactor, err, want)
		}
	}
	t.Setenv("PLATFORM_ADMIN_SECOND_FACTOR", "maybe")
	if _, err := function.ConfigFromEnvironment(t.Context()); err == nil || !strings.Contains(err.Error(), "PLATFORM_ADMIN_SECOND_FACTOR") {
		t.Errorf("maybe: %v, want an error that names the setting", err)
	}
}

func TestConfig_ArchiveWithoutUse_IsRefused(t *testing.T) {
	for name, test := range map[string]struct{ primary, backup, archive, says string }{
		"other bucket":       {"s3://a?region=r", "s3://b?region=r", "s3://c?region=r", ""},
		"same as the bucket": {"s3://a?region=r", "", "s3://a?region=r", "STORAGE_S3_ARCHIVE_URL"},
		"same as the backup": {"s3://a?region=r", "s3://b?region=r", "s3://b?region=r&use_path_style=true", "STORAGE_S3_ARCHIVE_URL"},
		"no primary":         {"", "", "s3://a", "STORAGE_S3_ARCHIVE_URL"},
	} {
		t.Setenv("STORAGE_S3_URL", test.primary)
		t.Setenv("STORAGE_S3_BACKUP_URL", test.backup)
		t.Setenv("STORAGE_S3_ARCHIVE_URL", test.archive)
		_, err := function.ConfigFromEnvironment(t.Context())
		if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want an error that names %q", name, err, test.says)
		}
	}
}

func TestConfig_BackupWithoutUse_IsRefused(t *testing.T) {
	for name, test := range map[string]struct{ primary, backup, says string }{
		"no backup":             {"s3://a?region=eu-west-1", "", ""},
		"other bucket":          {"s3://a?region=eu-west-1", "s3://b?region=eu-west-1", ""},
		"other region":          {"s3://a?region=eu-west-1", "s3://a?region=us-east-1", ""},
		"other server":          {"s3://a?endpoint=http://a", "s3://a?endpoint=http://b", ""},
		"same bucket":           {"s3://a?region=eu-west-1", "s3://a?region=eu-west-1", "STORAGE_S3_BACKUP_URL"},
		"same bucket, reworded": {"s3://a?region=r&use_path_style=true", "s3://a?region=r", "STORAGE_S3_BACKUP_URL"},
		"no primary":            {"", "s3://a", "STORAGE_S3_URL"},
	} {
		t.Setenv("STORAGE_S3_URL", test.primary)
		t.Setenv("STORAGE_S3_BACKUP_URL", test.backup)
		_, err := function.ConfigFromEnvironment(t.Context())
		if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want an error that names %q", name, err, test.says)
		}
	}
}
