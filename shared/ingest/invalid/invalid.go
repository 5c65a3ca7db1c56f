// Package invalid has the error of an uploaded file that is damaged, or is not what it claims to be.
package invalid

// Error says in a sentence, for the person who uploaded the file, why it cannot be read.
type Error struct {
	Detail string
	Line   int64 // 1-based line of the file; 0 if unknown
}

func (e *Error) Error() string { return e.Detail }
