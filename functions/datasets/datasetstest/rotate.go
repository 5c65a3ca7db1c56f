package datasetstest

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"testing"

	"function/shared/database"
	"function/shared/function"
	"function/shared/platformtest"
)

// RotateKey replaces the key encryption key of a platform, which has one data key. It returns a
// platform with the same data that knows only the new key. The declarations include
// datasets-rewrap-keys.
func RotateKey(t testing.TB, p *platformtest.Platform, declarations ...function.Declaration) *platformtest.Platform {
	t.Helper()
	next := "base64key://" + base64.URLEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	rotated := func(previous string) *platformtest.Platform {
		return platformtest.NewWith(t, func(c *function.Config) {
			sink := c.Sink
			*c = p.Env.Config
			c.Sink, c.KeyURL, c.PreviousKeyURL = sink, next, previous
		}, declarations...)
	}
	both := rotated(p.Env.Config.KeyURL)
	if _, err := both.DB(database.Datasets).Exec(t.Context(), `INSERT INTO key_rotation (wrapped_by) VALUES ('x')`); err != nil {
		t.Fatal(err)
	}
	const left = `SELECT value::int FROM published.metrics WHERE name = 'keys_to_rewrap'`
	if n := Count(t, both, left); n != 1 {
		t.Errorf("%d keys are to be rewrapped, want 1", n)
	}
	both.Wake("datasets-rewrap-keys").Want(t, http.StatusNoContent)
	if n := Count(t, both, left); n != 0 {
		t.Errorf("%d keys are left", n)
	}
	return rotated("")
}
