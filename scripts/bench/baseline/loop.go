package baseline

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// block is how much the loop processes at a time.
const block = 1 << 20

// Loop processes a file in one loop that does nothing else, as the peer of an upload and a download.
type Loop struct{ gcm cipher.AEAD }

// NewLoop returns a loop with a key of its own.
func NewLoop() (*Loop, error) {
	key := make([]byte, 32)
	rand.Read(key)
	aes256, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(aes256)
	return &Loop{gcm}, err
}

// Seal reads, hashes, compresses, encrypts and writes a file.
func (l *Loop) Seal(source, destination string) error {
	compressor, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(block), zstd.WithEncoderCRC(false))
	if err != nil {
		return err
	}
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(destination)
	if err != nil {
		return err
	}
	defer out.Close()
	hash, nonce := sha256.New(), make([]byte, l.gcm.NonceSize())
	plain, packed, sealed := make([]byte, block), make([]byte, 0, 2*block), make([]byte, 0, 2*block)
	for i := uint64(0); ; i++ {
		n, err := io.ReadFull(in, plain)
		if errors.Is(err, io.EOF) {
			return out.Close()
		}
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
		hash.Write(plain[:n])
		packed = compressor.EncodeAll(plain[:n], packed[:0])
		binary.BigEndian.PutUint64(nonce, i)
		sealed = l.gcm.Seal(sealed[:0], nonce, packed, nil)
		if err := binary.Write(out, binary.BigEndian, uint32(len(sealed))); err != nil {
			return err
		}
		if _, err := out.Write(sealed); err != nil {
			return err
		}
	}
}

// Open reads, decrypts and decompresses what Seal has written.
func (l *Loop) Open(source string) error {
	decompressor, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer decompressor.Close()
	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer in.Close()
	nonce := make([]byte, l.gcm.NonceSize())
	sealed, packed, plain := make([]byte, 2*block), make([]byte, 0, 2*block), make([]byte, 0, block)
	for i := uint64(0); ; i++ {
		var length uint32
		err := binary.Read(in, binary.BigEndian, &length)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := io.ReadFull(in, sealed[:length]); err != nil {
			return err
		}
		binary.BigEndian.PutUint64(nonce, i)
		if packed, err = l.gcm.Open(packed[:0], nonce, sealed[:length], nil); err != nil {
			return err
		}
		if plain, err = decompressor.DecodeAll(packed, plain[:0]); err != nil {
			return err
		}
	}
}
