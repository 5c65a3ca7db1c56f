package inference

import "function/shared/ingest/reading"

func isBoolean(value []byte) bool { return string(value) == "true" || string(value) == "false" }

// isDate reports whether a value is a date of ISO 8601, from the year 1 to 9999.
func isDate(value []byte) bool {
	return len(value) == len("2006-01-02") && isDay(value)
}

// isDay reports whether a value begins with a date.
func isDay(value []byte) bool {
	if len(value) < 10 || value[4] != '-' || value[7] != '-' {
		return false
	}
	century, year := twoDigits(value), twoDigits(value[2:])
	month, day := twoDigits(value[5:]), twoDigits(value[8:])
	return century >= 0 && year >= 0 && reading.IsDate(100*century+year, month, day)
}

// isTimestamp reports whether a value is a timestamp of ISO 8601 with at most six digits of a second's fraction, without
// or with an offset. One with an offset has seconds.
func isTimestamp(value []byte) (local, zoned bool) {
	if !isDay(value) || len(value) < len("2006-01-02T15:04") || value[10] != 'T' && value[10] != ' ' {
		return false, false
	}
	clock := value[11:]
	hour, minute := twoDigits(clock), twoDigits(clock[3:])
	if hour < 0 || hour > 23 || clock[2] != ':' || minute < 0 || minute > 59 {
		return false, false
	}
	rest := clock[5:]
	if len(rest) == 0 {
		return true, false
	}
	if len(rest) < 3 || rest[0] != ':' || twoDigits(rest[1:]) < 0 || twoDigits(rest[1:]) > 59 {
		return false, false
	}
	if rest = rest[3:]; len(rest) > 0 && rest[0] == '.' {
		n := leadingDigits(rest[1:])
		if n == 0 || n > 6 {
			return false, false
		}
		rest = rest[1+n:]
	}
	return len(rest) == 0, isOffset(rest)
}

// isOffset reports whether a value is Z, " UTC" or an offset of at most 23:59.
func isOffset(value []byte) bool {
	if text := string(value); text == "Z" || text == " UTC" {
		return true
	}
	if len(value) < 3 || value[0] != '+' && value[0] != '-' {
		return false
	}
	hours, rest := twoDigits(value[1:]), value[3:]
	if hours < 0 || hours > 23 || len(rest) == 0 {
		return hours >= 0 && hours <= 23
	}
	if rest[0] == ':' {
		rest = rest[1:]
	}
	minutes := twoDigits(rest)
	return len(rest) == 2 && minutes >= 0 && minutes <= 59
}

// twoDigits returns the number that the first two bytes are, or -1.
func twoDigits(value []byte) int {
	if len(value) < 2 || value[0]-'0' > 9 || value[1]-'0' > 9 {
		return -1
	}
	return 10*int(value[0]-'0') + int(value[1]-'0')
}
