package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"function/knative/walk"
	"function/shared/mailbox"
	"function/shared/objects/objectstest"
)

// TestDataTeam plays two people who manage data on an empty platform, through a crash of the
// platform and the loss of its object store.
func TestDataTeam(t *testing.T) {
	t.Parallel()
	dir, primary, backup := shortDir(t), objectstest.NewS3(t), objectstest.NewS3(t)
	settings := []string{"STORAGE_S3_URL=" + primary.URL(), "STORAGE_S3_BACKUP_URL=" + backup.URL()}
	platform := start(t, dir, settings...)
	walk.RunTeam(t, walk.TeamTarget{
		Target: platform.target(),
		Elsewhere: []walk.File{
			{
				Name: "pyorc.orc", Content: ingested(t, "orc/timestamp-zone.orc"),
				SQL:  "SELECT strftime(v, '%Y-%m-%d %H:%M:%S.%f') FROM elsewhere ORDER BY 1",
				Rows: [][]string{{"1969-12-31 23:59:59.123000"}, {"2024-01-02 03:04:05.000000"}, {"2024-07-02 03:04:05.123456"}},
			},
			{
				Name: "polars.avro", Content: ingested(t, "avro/polars.avro"),
				SQL:  `SELECT n, t, l, d, CAST("at" AS VARCHAR) FROM elsewhere ORDER BY n`,
				Rows: [][]string{{"1", "é", "[1.5]", "2024-01-02", "2024-01-02 03:04:05.000006"}, {"<nil>", "<nil>", "<nil>", "<nil>", "<nil>"}},
			},
		},
		Crash: func() { platform.kill() },
		Restart: func() string {
			platform = start(t, dir, settings...)
			return platform.url
		},
		BackedUp:   func() bool { return stored(t, primary) > 0 && stored(t, primary) == stored(t, backup) },
		StopStore:  primary.Stop,
		StartStore: func() { primary.Start(t) },
		NewestMail: func(t *testing.T, address string) string { return newestMail(t, platform.url, address) },
	})
	platform.stop(syscall.SIGINT)
}

func ingested(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "shared", "ingest", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// stored counts the objects of a server, which are in folders of organizations.
func stored(t *testing.T, server *objectstest.S3) int {
	t.Helper()
	objects, err := filepath.Glob(filepath.Join(server.Dir, "*-*-*-*-*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return len(objects)
}

func newestMail(t *testing.T, platform, address string) string {
	t.Helper()
	response, err := http.Get(platform + mailsPath + "?to=" + url.QueryEscape(address))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var mails []mailbox.Mail
	if err := json.NewDecoder(response.Body).Decode(&mails); err != nil {
		t.Fatal(err)
	}
	if len(mails) == 0 {
		return ""
	}
	return mails[0].Text
}
