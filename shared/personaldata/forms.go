package personaldata

import (
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"
)

var email = regexp.MustCompile(`^[A-Za-z0-9.!#$%&'*+/=?^_{|}~\x{80}-\x{10ffff}-]{1,64}@(?:[A-Za-z0-9\x{80}-\x{10ffff}](?:[A-Za-z0-9\x{80}-\x{10ffff}-]{0,61}[A-Za-z0-9\x{80}-\x{10ffff}])?\.)+[A-Za-z\x{80}-\x{10ffff}]{2,24}$`)

func isEmail(v string) bool { return email.MatchString(v) }

// isInternationalPhone recognizes E.164 numbers and those written with a country code, if such a number can exist.
func isInternationalPhone(v string) bool {
	if !strings.HasPrefix(v, "+") && !strings.HasPrefix(v, "00") || len(v) > 30 {
		return false
	}
	if strings.HasPrefix(v, "00") {
		v = "+" + v[2:]
	}
	number, err := phonenumbers.Parse(v, "")
	return err == nil && phonenumbers.IsValidNumber(number)
}

// National numbers whose groups are written as people write them.
var formattedPhone = regexp.MustCompile(`^(?:\([2-9][0-9]{2}\) ?[2-9][0-9]{2}[-. ][0-9]{4}|[2-9][0-9]{2}[-.][2-9][0-9]{2}[-.][0-9]{4}|\(?0[1-9][0-9]{1,4}\)?[ /-][0-9]{2,4}[ -]?[0-9]{2,6}(?:[ -][0-9]{2,4})?|0[1-9](?:[ .][0-9]{2}){4})(?: ?(?:x|ext\.?) ?[0-9]{1,5})?$`)

func isFormattedPhone(v string) bool { return formattedPhone.MatchString(v) || isInternationalPhone(v) }

var phoneDigits = regexp.MustCompile(`^\+?[0-9][0-9 ()./-]{5,18}[0-9](?: ?(?:x|ext\.?) ?[0-9]{1,5})?$`)

func isPhoneDigits(v string) bool { return phoneDigits.MatchString(v) }

func isIP(v string) bool {
	address, err := netip.ParseAddr(v)
	return err == nil && !address.IsUnspecified()
}

var birthLayouts = []string{time.DateOnly, "02.01.2006", "2.1.2006", "01/02/2006", "1/2/2006", "02/01/2006", "2/1/2006", "02-01-2006", "20060102", "2006/01/02", "Jan 2, 2006", "2 Jan 2006"}

// isBirthDate recognizes days on which somebody who lives may have been born.
func isBirthDate(v string) bool {
	day, _, _ := strings.Cut(v, " 00:00:00")
	for _, layout := range birthLayouts {
		if t, err := time.Parse(layout, day); err == nil {
			return t.Year() >= 1900 && t.Before(time.Now())
		}
	}
	return false
}

// Codes of diagnoses (ICD-10, WHO and its national modifications).
var (
	dottedICD = regexp.MustCompile(`^[A-TV-Z][0-9][0-9AB]\.[0-9A-Z]{1,4}$`)
	icd       = regexp.MustCompile(`^[A-TV-Z][0-9][0-9AB](?:\.?[0-9A-Z]{1,4})?$`)
)

func isDottedICD(v string) bool { return dottedICD.MatchString(v) }
func isICD(v string) bool       { return icd.MatchString(v) }

const (
	streetWord = `(?:street|st|avenue|ave|road|rd|lane|ln|boulevard|blvd|drive|dr|court|ct|place|pl|square|sq|terrace|way|highway|hwy|close|crescent|gardens|parkway|pkwy|row|walk)`
	germanWord = `[\p{L}.-]*(?:straße|strasse|str\.|weg|platz|allee|gasse|ring|ufer|damm)`
	firstWord  = `(?:rue|avenue|av\.|boulevard|bd|place|allée|impasse|chemin|calle|c/|avenida|avda\.?|plaza|paseo|via|viale|piazza|corso|rua|travessa|ulica|ul\.|al\.)`
)

var (
	addresses = regexp.MustCompile(`(?i)^(?:` +
		`(?:(?:apt|flat|unit|suite) ?[0-9a-z]+,? )?[0-9]{1,6}[a-z]?(?:[-/][0-9]{1,4})? (?:[\p{L}0-9.'-]+ ){1,5}` + streetWord + `\b.*` +
		`|(?:[\p{L}.-]+ ){0,4}` + germanWord + ` [0-9]{1,5} ?[a-z]?\b.*` +
		`|(?:[0-9]{1,5}(?: ?bis| ?ter)?,? )?` + firstWord + ` [\p{L}0-9 .'’-]{2,60}(?:,? (?:n[º°.]? ?)?[0-9]{1,5}[a-z]?\b.*)?` +
		`|p\.? ?o\.? box [0-9]{1,8}\b.*` +
		`)$`)
	addressLike = regexp.MustCompile(`(?i)^(?:[0-9]+[a-z]?,? .*\p{L}{3}.*|.*\p{L}{3}.* [0-9]+[a-z]?(?:[ ,].*)?)$`)
)

func isAddress(v string) bool {
	return strings.Contains(v, " ") && addresses.MatchString(v) && strings.ContainsAny(v, "0123456789")
}

func isAddressLike(v string) bool { return isAddress(v) || addressLike.MatchString(v) }
