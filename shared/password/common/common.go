// Package common checks new passwords against the most common ones. The list is embedded, so the
// check needs no service. A lookup allocates nothing and takes a fraction of a microsecond.
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

// list holds four tiers of fingerprints. Each tier is sorted, so a fingerprint's position shows its
// tier but not its rank within the tier.
//
//go:embed list.bin
var list string

// Tiers are the ranks at which the first tiers end; the last tier is the rest of the list.
var Tiers = [...]int{100, 1_000, 10_000}

// FingerprintSize is the number of bytes stored per password. With 40 bits, one in ten million good
// passwords is mistaken for a common one.
const FingerprintSize = 5

// Fold converts a password to lower case and NFKC, so that variants that people regard as the same
// are equal.
func Fold(word string) string { return strings.ToLower(norm.NFKC.String(word)) }

// Fingerprint returns the fingerprint of a folded password.
func Fingerprint(folded string) uint64 { return xxhash.Sum64String(folded) >> (64 - 8*FingerprintSize) }

// Rank returns how common a folded password is: an upper bound of its rank, from 1, or 0 if it is
// not in the list.
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
