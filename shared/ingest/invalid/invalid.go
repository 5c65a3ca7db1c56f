// Package invalid has the error of an uploaded file that is damaged, or is not what it claims to be.
package invalid

import "fmt"

// Bounds of an uncompressed binary file.
const (
	MaxRows  = 1 << 31
	MaxBytes = 64 << 30
)

// Bounds of compressed data: what decompresses to more is a bomb, because real data is hardly ever as repetitive.
const (
	MaxRatio = 250     // decompressed bytes for each compressed one
	anyRatio = 8 << 20 // decompressed bytes up to which the ratio does not matter
)

// Expands checks how many bytes the compressed bytes read so far have become.
func Expands(compressed, decompressed int64) error {
	switch {
	case decompressed > MaxBytes:
		return TooLarge()
	case decompressed > anyRatio && decompressed/MaxRatio > compressed:
		return &Error{Detail: fmt.Sprintf("The file decompresses to more than %d times its compressed size, as only bombs and very repetitive files do: write it without compression.", MaxRatio)}
	}
	return nil
}

// Error says in a sentence, for the person who uploaded the file, why it cannot be read.
type Error struct {
	Detail string
	Line   int64 // 1-based line of the file; 0 if unknown
}

func (e *Error) Error() string { return e.Detail }

// TooLarge is the error of a file beyond MaxRows or MaxBytes.
func TooLarge() *Error {
	return &Error{Detail: fmt.Sprintf("The uncompressed file has more than %d rows or %d GiB.", MaxRows, MaxBytes>>30)}
}
