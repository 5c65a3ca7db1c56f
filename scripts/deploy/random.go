package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
)

func newPassword() string    { return hex.EncodeToString(random(24)) }
func newAccessKeyID() string { return hex.EncodeToString(random(10)) }
func newBlindIndexKey() string {
	return base64.StdEncoding.EncodeToString(random(32))
}
func newEncryptionKeyURL() string {
	return "base64key://" + base64.URLEncoding.EncodeToString(random(32))
}

func random(size int) []byte {
	b := make([]byte, size)
	rand.Read(b) // it never fails
	return b
}
