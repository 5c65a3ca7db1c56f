package objectstest_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"function/shared/objects"
	"function/shared/objects/objectstest"
)

// put sends an object as a client without credentials does.
func put(t *testing.T, signed objects.SignedPut, content string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, signed.URL, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = signed.Header.Clone()
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if said, _ := io.ReadAll(answer.Body); answer.StatusCode >= 300 {
		t.Logf("status %d: %.300s", answer.StatusCode, said)
	}
	return answer.StatusCode
}

func TestSignPut_StoresPlainBytesOnce(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]struct {
		url          func(testing.TB) string
		enforcesSize bool
	}{
		"s3":    {func(t testing.TB) string { return objectstest.NewS3(t).URL() }, true},
		"azure": {objectstest.Azure, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bucket, err := objects.Open(t.Context(), store.url(t))
			if err != nil {
				t.Fatal(err)
			}
			defer bucket.Close()
			signed, err := bucket.SignPut(t.Context(), "direct/a", 5, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			if store.enforcesSize && put(t, signed, "too long") < 300 {
				t.Error("a body of another size was stored")
			}
			if status := put(t, signed, "hello"); status >= 300 {
				t.Fatalf("status %d", status)
			}
			if status := put(t, signed, "other"); status < 300 {
				t.Error("the object was replaced")
			}
			plain, err := bucket.OpenPlain(t.Context(), "direct/a", 1)
			if err != nil {
				t.Fatal(err)
			}
			defer plain.Close()
			if got, err := io.ReadAll(plain); string(got) != "ello" || plain.Size != 5 || err != nil {
				t.Errorf("%q of %d bytes (%v)", got, plain.Size, err)
			}
			if err := bucket.Delete(t.Context(), "direct/a"); err != nil {
				t.Fatal(err)
			}
			if _, err := bucket.OpenPlain(t.Context(), "direct/a", 0); !errors.Is(err, objects.ErrNotFound) {
				t.Errorf("a deleted object: %v, want ErrNotFound", err)
			}
		})
	}
}

// fake-gcs-server does not check signatures, so the test checks what is signed.
func TestSignPut_GCS_SignsSizeAndAbsence(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	_ = pem.Encode(&text, &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, text.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	bucket, err := objects.Open(t.Context(), objectstest.GCS(t)+"?access_id=test@example.com&private_key_path="+file)
	if err != nil {
		t.Fatal(err)
	}
	defer bucket.Close()
	signed, err := bucket.SignPut(t.Context(), "direct/a", 5, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(signed.URL, "x-goog-content-length-range%3Bx-goog-if-generation-match") || signed.Header.Get("X-Goog-Content-Length-Range") != "5,5" {
		t.Errorf("URL %s, header %v", signed.URL, signed.Header)
	}
	signed.URL = strings.Replace(signed.URL, "https://", "http://", 1)
	if status := put(t, signed, "hello"); status >= 300 {
		t.Errorf("status %d", status)
	}
}

func TestSignPut_StoreWithoutSigner_IsRefused(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{"local": "file://" + t.TempDir(), "gcs": objectstest.GCS(t)} {
		bucket, err := objects.Open(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer bucket.Close()
		if _, err := bucket.SignPut(t.Context(), "direct/a", 5, time.Hour); !errors.Is(err, objects.ErrCannotSign) {
			t.Errorf("%s: %v, want ErrCannotSign", name, err)
		}
	}
}
