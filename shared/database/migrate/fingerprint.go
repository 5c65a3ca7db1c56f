package migrate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
)

func fingerprint(files fs.FS, directories ...string) (string, error) {
	hash := sha256.New()
	for _, directory := range directories {
		err := fs.WalkDir(files, directory, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := fs.ReadFile(files, path)
			fmt.Fprintf(hash, "%s %d\n", path, len(content))
			hash.Write(content)
			return err
		})
		if err != nil {
			return "", fmt.Errorf("read migrations: %w", err)
		}
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}
