// Package invalid has the error of an uploaded file that is damaged, or is not what it claims to be.
package invalid

import "fmt"

// Bounds of an uncompressed binary file.
const (
	MaxRows  = 1 << 31
	MaxBytes = 64 << 30
)

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
