package personaldata

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// digitsOf returns the digits of a number that is written with single spaces or dashes between them.
func digitsOf(v string) (string, bool) {
	var b strings.Builder
	separator := true
	for _, r := range v {
		switch {
		case r >= '0' && r <= '9':
			b.WriteRune(r)
			separator = false
		case (r == ' ' || r == '-') && !separator:
			separator = true
		default:
			return "", false
		}
	}
	return b.String(), !separator
}

// luhn checks the last digit (ISO/IEC 7812-1).
func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		d := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// Numbers of card schemes: Visa, Mastercard, American Express, Discover, Diners Club, JCB, UnionPay, Maestro.
var cardPrefix = regexp.MustCompile(`^(?:4[0-9]{12}(?:[0-9]{3}){0,2}|5[1-5][0-9]{14}|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}|3[47][0-9]{13}|6(?:011|5[0-9]{2}|4[4-9][0-9])[0-9]{12}|3(?:0[0-5]|[689][0-9])[0-9]{11}|35(?:2[89]|[3-8][0-9])[0-9]{12}|62[0-9]{14,17}|(?:50|5[6-9]|6[0-9])[0-9]{10,17})$`)

func isCard(v string) bool {
	digits, ok := digitsOf(v)
	return ok && len(digits) >= 13 && cardPrefix.MatchString(digits) && luhn(digits)
}

var ibanForm = regexp.MustCompile(`^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$`)

// isIBAN checks the check digits (ISO 13616, ISO 7064 MOD 97-10).
func isIBAN(v string) bool {
	v = strings.ToUpper(strings.ReplaceAll(v, " ", ""))
	if !ibanForm.MatchString(v) {
		return false
	}
	rest := 0
	for _, r := range v[4:] + v[:4] {
		if r >= 'A' {
			rest = (rest*100 + int(r-'A') + 10) % 97
		} else {
			rest = (rest*10 + int(r-'0')) % 97
		}
	}
	return rest == 1
}

var (
	ssn      = regexp.MustCompile(`^([0-9]{3})-([0-9]{2})-([0-9]{4})$`)
	nino     = regexp.MustCompile(`^[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[A-D]$`)
	dni      = regexp.MustCompile(`^([XYZ]?)([0-9]{7,8})-?([A-Z])$`)
	fiscal   = regexp.MustCompile(`^[A-Z]{6}[0-9LMNP-V]{2}[ABCDEHLMPRST][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]$`)
	cpf      = regexp.MustCompile(`^[0-9]{3}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}$`)
	swedish  = regexp.MustCompile(`^(?:[0-9]{2})?([0-9]{6})[-+]([0-9]{4})$`)
	pan      = regexp.MustCompile(`^[A-Z]{3}[ABCFGHLJPT][A-Z][0-9]{4}[A-Z]$`)
	nir      = regexp.MustCompile(`^[12] ?[0-9]{2} ?(?:0[1-9]|1[0-2]|[2-9][0-9]) ?[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}$`)
	passport = regexp.MustCompile(`^[A-Z]{0,2}[0-9]{6,9}$`)
)

// isStrictID recognizes numbers of people whose form or checksum leaves little to chance.
func isStrictID(v string) bool {
	return isSSN(v) || nino.MatchString(v) && !strings.HasPrefix(v, "BG") && !strings.HasPrefix(v, "GB") && !strings.HasPrefix(v, "NK") || isDNI(v) ||
		fiscal.MatchString(v) && fiscalCheck(v) || cpf.MatchString(v) && isCPF(v) || isSwedish(v) || nir.MatchString(v) && isNIR(v)
}

// isLooseID recognizes numbers of people that are digits with a checksum, or that have none.
func isLooseID(v string) bool {
	digits, ok := digitsOf(v)
	if !ok {
		return isStrictID(v) || pan.MatchString(v) || passport.MatchString(v)
	}
	switch len(digits) {
	case 9:
		return isSSN(digits[:3]+"-"+digits[3:5]+"-"+digits[5:]) || elevenTest(digits)
	case 10, 12:
		return swedishDate(digits[len(digits)-10:len(digits)-4]) && luhn(digits[len(digits)-10:]) || len(digits) == 12 && verhoeff(digits)
	case 11:
		return isSteuerID(digits) || isPESEL(digits) || isCPF(digits)
	case 15:
		return isNIR(digits)
	}
	return passport.MatchString(v)
}

// isSSN recognizes United States Social Security numbers that can have been assigned.
func isSSN(v string) bool {
	m := ssn.FindStringSubmatch(v)
	return m != nil && m[1] != "000" && m[1] != "666" && m[1] < "900" && m[2] != "00" && m[3] != "0000"
}

// isDNI recognizes Spanish DNI and NIE numbers by their letter.
func isDNI(v string) bool {
	m := dni.FindStringSubmatch(v)
	if m == nil || m[1] == "" && len(m[2]) != 8 || m[1] != "" && len(m[2]) != 7 {
		return false
	}
	n, _ := strconv.Atoi(strings.NewReplacer("X", "0", "Y", "1", "Z", "2").Replace(m[1]) + m[2])
	return "TRWAGMYFPDXBNJZSQVHLCKE"[n%23] == m[3][0]
}

// fiscalCheck checks the letter of an Italian codice fiscale.
func fiscalCheck(v string) bool {
	odd := []int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
	sum := 0
	for i := range 15 {
		n := int(v[i] - '0')
		if v[i] >= 'A' {
			n = int(v[i] - 'A')
		}
		if i%2 == 0 {
			n = odd[n]
		}
		sum += n
	}
	return byte('A'+sum%26) == v[15]
}

// isCPF checks the two check digits of a Brazilian CPF.
func isCPF(v string) bool {
	digits := strings.NewReplacer(".", "", "-", "").Replace(v)
	if len(digits) != 11 || strings.Count(digits, digits[:1]) == 11 {
		return false
	}
	for n := 9; n <= 10; n++ {
		sum := 0
		for i := range n {
			sum += int(digits[i]-'0') * (n + 1 - i)
		}
		if sum*10%11%10 != int(digits[n]-'0') {
			return false
		}
	}
	return true
}

func isSwedish(v string) bool {
	m := swedish.FindStringSubmatch(v)
	return m != nil && swedishDate(m[1]) && luhn(m[1]+m[2])
}

// swedishDate reports whether six digits are a day of birth; the day of a coordination number is 60 more.
func swedishDate(v string) bool {
	day, _ := strconv.Atoi(v[4:])
	if day > 60 {
		day -= 60
	}
	month, _ := strconv.Atoi(v[2:4])
	year, _ := strconv.Atoi(v[:2])
	t := time.Date(2000+year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return month >= 1 && month <= 12 && day >= 1 && t.Day() == day
}

// isNIR checks the key of a French NIR (97 less the number modulo 97).
func isNIR(v string) bool {
	digits := strings.ReplaceAll(v, " ", "")
	number, err := strconv.ParseInt(digits[:13], 10, 64)
	key, _ := strconv.ParseInt(digits[13:], 10, 64)
	return err == nil && len(digits) == 15 && (digits[0] == '1' || digits[0] == '2') && key == 97-number%97
}

// isSteuerID checks a German tax identification number (ISO 7064 MOD 11,10).
func isSteuerID(digits string) bool {
	if digits[0] == '0' {
		return false
	}
	product := 10
	for i := range 10 {
		sum := (int(digits[i]-'0') + product) % 10
		if sum == 0 {
			sum = 10
		}
		product = sum * 2 % 11
	}
	return (11-product)%10 == int(digits[10]-'0')
}

func isPESEL(digits string) bool {
	sum := 0
	for i, weight := range []int{1, 3, 7, 9, 1, 3, 7, 9, 1, 3} {
		sum += weight * int(digits[i]-'0')
	}
	month, _ := strconv.Atoi(digits[2:4])
	return (10-sum%10)%10 == int(digits[10]-'0') && month%20 >= 1 && month%20 <= 12
}

// elevenTest checks a Dutch BSN.
func elevenTest(digits string) bool {
	sum := -int(digits[8] - '0')
	for i := range 8 {
		sum += int(digits[i]-'0') * (9 - i)
	}
	return sum%11 == 0 && strings.Trim(digits, "0") != ""
}

var (
	verhoeffTimes = [10]string{"0123456789", "1234067895", "2340178956", "3401289567", "4012395678", "5987604321", "6598710432", "7659821043", "8765932104", "9876543210"}
	verhoeffTurns = [8]string{"0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258"}
)

// verhoeff checks an Indian Aadhaar number.
func verhoeff(digits string) bool {
	check := 0
	for i := range len(digits) {
		d := digits[len(digits)-1-i] - '0'
		check = int(verhoeffTimes[check][verhoeffTurns[i%8][d]-'0'] - '0')
	}
	return check == 0 && digits[0] > '1'
}
