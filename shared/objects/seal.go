package objects

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/minio/sio"
)

// DARE 2.0: a package is a 16-byte header, up to 64 KiB of ciphertext and a
// 16-byte tag. Bytes 4-16 of every header repeat the stream's nonce; the
// highest bit of its first byte marks the final package.
const (
	headerSize  = 16
	payloadSize = 64 << 10
	packageSize = headerSize + payloadSize + 16
	finalFlag   = 0x80
)

// nonce identifies one encrypted stream; its final flag is clear.
type nonce [12]byte

func nonceOf(header []byte) nonce {
	n := nonce(header[4:headerSize])
	n[0] &^= finalFlag
	return n
}

// seal returns a writer that encrypts to dst under a fresh nonce. Its Close
// writes the final package and leaves dst open.
func seal(dst io.Writer, name string, key []byte) (io.WriteCloser, error) {
	var n nonce
	if _, err := rand.Read(n[:]); err != nil {
		return nil, err
	}
	n[0] &^= finalFlag
	config, err := streamConfig(name, key, n)
	if err != nil {
		return nil, err
	}
	return sio.EncryptWriter(struct{ io.Writer }{dst}, config)
}

// streamConfig derives the key of one stream. DARE 2.0 authenticates a package's position relative
// to the nonce in its own header. An attacker who rewrote the nonce in all headers could therefore
// reorder packages or cut off the end. Since the nonce is part of the derivation, a rewritten nonce
// yields a wrong key.
func streamConfig(name string, key []byte, n nonce) (sio.Config, error) {
	if len(key) != KeySize {
		return sio.Config{}, fmt.Errorf("data key of %d bytes, want %d", len(key), KeySize)
	}
	derived, err := hkdf.Key(sha256.New, key, n[:], "objects v1\x00"+name, KeySize)
	if err != nil {
		return sio.Config{}, err
	}
	return sio.Config{
		MinVersion:   sio.Version20,
		MaxVersion:   sio.Version20,
		CipherSuites: []byte{sio.AES_256_GCM},
		Key:          derived,
		Nonce:        (*[12]byte)(&n),
	}, nil
}
