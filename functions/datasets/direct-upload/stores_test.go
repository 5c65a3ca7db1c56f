package directupload_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "function/shared/objects/azure"
	_ "function/shared/objects/gcs"
	"function/shared/objects/objectstest"

	"function/shared/function"
	"function/shared/platformtest"
)

// signingGCS returns the URL of a bucket whose URLs can be signed.
func signingGCS(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return objectstest.GCS(t) + "?access_id=test@example.com&private_key_path=" + file
}

func TestDirectUpload_OtherStores_MakeAVersion(t *testing.T) {
	t.Parallel()
	for storageType, url := range map[string]func(*testing.T) string{
		"azure": func(t *testing.T) string { return objectstest.Azure(t) },
		"gcs":   signingGCS,
	} {
		t.Run(storageType, func(t *testing.T) {
			t.Parallel()
			bucket := url(t)
			p := platformtest.NewWith(t, func(c *function.Config) {
				c.StorageAzureURL, c.StorageGCSURL, c.DirectUploads = bucket, bucket, true
			}, walk...)
			c := &client{Platform: p, t: t, token: p.Login("owner").Token}
			c.d = c.create(storageType)

			// Neither Azure nor fake-gcs-server checks the size.
			wrong := c.begin(content, nil)
			wrong.URL = strings.Replace(wrong.URL, "https://", "http://", 1)
			c.put(wrong, content+"5,6\n")
			if answer := c.complete(wrong).Want(t, http.StatusConflict); !strings.Contains(string(answer.Body), "16 bytes instead of 12") {
				t.Errorf("%s", answer.Body)
			}

			d := c.begin(content, nil)
			d.URL = strings.Replace(d.URL, "https://", "http://", 1)
			if status := c.put(d, content); status >= 300 {
				t.Fatalf("the bucket answers %d", status)
			}
			c.complete(d).Want(t, http.StatusAccepted)
			c.seal(1)
			c.wantFile(1, content)
			c.complete(wrong).Want(t, http.StatusConflict)
		})
	}
}
