package orcfile

import "fmt"

const (
	daySeconds = 86_400
	cutover    = -141_427 // the day of 1582-10-15, the first of the Gregorian calendar
)

// floorDivide returns the quotient, rounded down, and the remainder, which is not negative.
func floorDivide(a, b int64) (quotient, remainder int64) {
	quotient, remainder = a/b, a%b
	if remainder < 0 {
		quotient, remainder = quotient-1, remainder+b
	}
	return quotient, remainder
}

// proleptic returns the day that has the same year, month and day in the proleptic Gregorian
// calendar as a day of the hybrid calendar.
func proleptic(day int64) (int64, error) {
	if day >= cutover {
		return day, nil
	}
	// Years begin in March here, and cycles of four years end in the leap day.
	cycle, d := floorDivide(day+2_472_670, 1461)
	year := min(d/365, 3)
	d -= 365 * year
	year += 4*cycle - 4800
	month := (5*d + 2) / 153
	d -= (153*month + 2) / 5
	if month == 11 && d == 28 && !leap(year+1) {
		return 0, flaw(fmt.Sprintf("the 29th of February %d of the Julian calendar does not exist in the Gregorian calendar", year+1))
	}
	era, y := floorDivide(year, 400)
	return era*146_097 + 365*y + y/4 - y/100 + (153*month+2)/5 + d - 719_468, nil
}

func leap(year int64) bool { return year%4 == 0 && year%100 != 0 || year%400 == 0 }
