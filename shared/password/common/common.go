// Package common checks new passwords against the most common ones. The list is embedded, so
// that the check needs no other service; a lookup allocates nothing and takes a fraction of
// a microsecond.
//
// The list is PwnedPasswordTop100k of the United Kingdom's National Cyber Security Centre:
// the 100,000 passwords seen most often in the breaches that Have I Been Pwned had collected
// by 2019. It contains public sector information licensed under the Open Government Licence
// v3.0. Only fingerprints are stored, written by scripts/passwords.
package common

import (
	_ "embed" // list.bin
	"strings"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/text/unicode/norm"
)

// list is four tiers of fingerprints, each sorted: a position in a tier is not a
// rank any more, but a tier is.
//
//go:embed list.bin
var list string

// Tiers are the ranks at which the tiers end; the last is the rest of the list.
var Tiers = [...]int{100, 1_000, 10_000}

// FingerprintSize is the bytes that are kept of a word. At 40 bits one in ten
// million good passwords is taken for a common one.
const FingerprintSize = 5

// Fold makes words equal that people take for the same: in lower case and NFKC.
func Fold(word string) string { return strings.ToLower(norm.NFKC.String(word)) }

// Fingerprint is what the list keeps of a folded word.
func Fingerprint(folded string) uint64 { return xxhash.Sum64String(folded) >> (64 - 8*FingerprintSize) }

// Rank tells how common a folded word is as a password: an upper bound of its place
// in the list, from 1; 0 for one that is not there.
func Rank(folded string) int {
	sought, from := Fingerprint(folded), 0
	for _, end := range Tiers {
		if within(from, end, sought) {
			return end
		}
		from = end
	}
	if size := len(list) / FingerprintSize; within(from, size, sought) {
		return size
	}
	return 0
}

func within(low, high int, sought uint64) bool {
	for low < high {
		middle := int(uint(low+high) >> 1)
		switch f := at(middle); {
		case f == sought:
			return true
		case f < sought:
			low = middle + 1
		default:
			high = middle
		}
	}
	return false
}

func at(i int) uint64 {
	b := list[i*FingerprintSize : (i+1)*FingerprintSize]
	return uint64(b[0])<<32 | uint64(b[1])<<24 | uint64(b[2])<<16 | uint64(b[3])<<8 | uint64(b[4])
}
