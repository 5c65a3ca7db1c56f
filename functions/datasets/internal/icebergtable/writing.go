package icebergtable

import (
	"regexp"
	"strings"

	"github.com/google/uuid"
)

// Folder is where a data set keeps the files that clients write for its Iceberg table, until a commit takes them.
const Folder = "iceberg/"

var writtenKey = regexp.MustCompile(`^([0-9a-f-]{36})/((?:data|metadata)/.*[^/])$`)

// Written returns the data set of a file that a client may write with a key, and its name in [Folder]. The keys of computed
// objects cannot be written.
func Written(key string) (id uuid.UUID, name string, ok bool) {
	match := writtenKey.FindStringSubmatch(key)
	if match == nil || objectKey.MatchString(key) {
		return id, "", false
	}
	id, err := uuid.Parse(match[1])
	return id, Folder + match[2], err == nil
}

// Location returns the URL below which the objects of a table are.
func Location(id uuid.UUID) string { return "s3://" + Bucket + "/" + id.String() }

// keyOf returns the key of an object of a table by its URL.
func keyOf(id uuid.UUID, url string) (key string, ok bool) {
	key, ok = strings.CutPrefix(url, "s3://"+Bucket+"/")
	return key, ok && strings.HasPrefix(key, id.String()+"/")
}
