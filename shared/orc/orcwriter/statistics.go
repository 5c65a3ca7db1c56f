package orcwriter

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// statistics are those of a column, of a stripe or of the file.
type statistics struct {
	values int64 // that are not null
	null   bool
	detail detail
}

// detail is what the statistics say about the values of a type.
type detail interface {
	// field returns the field of ColumnStatistics, or nothing if the values cannot be described.
	field() (protowire.Number, message)
	merge(detail)
	reset()
}

func (s *statistics) encode() message {
	m := message{}.number(1, uint64(s.values))
	if s.detail != nil {
		number, b := s.detail.field()
		if s.values == 0 {
			b = nil
		}
		if number > 0 {
			m = m.bytes(number, b)
		}
	}
	return m.number(10, protowire.EncodeBool(s.null))
}

func (s *statistics) merge(other *statistics) {
	if s.detail != nil && other.values > 0 {
		s.detail.merge(other.detail)
	}
	s.values += other.values
	s.null = s.null || other.null
}

func (s *statistics) reset() {
	s.values, s.null = 0, false
	if s.detail != nil {
		s.detail.reset()
	}
}

// bounds are the least and the greatest value.
type bounds[T int64 | float64 | string] struct {
	least, most T
	some        bool
}

func (b *bounds[T]) add(v T) {
	if !b.some {
		b.least, b.most, b.some = v, v, true
		return
	}
	if v < b.least {
		b.least = v
	}
	if v > b.most {
		b.most = v
	}
}

func (b *bounds[T]) join(other bounds[T]) {
	if other.some {
		b.add(other.least)
		b.add(other.most)
	}
}

// integerStatistics describe integers and dates.
type integerStatistics struct {
	bounds[int64]
	sum      int64
	overflow bool
	date     bool
}

func (s *integerStatistics) add(v int64) {
	s.bounds.add(v)
	s.addSum(v)
}

func (s *integerStatistics) addSum(v int64) {
	sum := s.sum + v
	s.overflow = s.overflow || (sum > s.sum) != (v > 0) && v != 0
	s.sum = sum
}

func (s *integerStatistics) field() (protowire.Number, message) {
	m := message{}.signed(1, s.least).signed(2, s.most)
	if s.date {
		return 7, m
	}
	if !s.overflow {
		m = m.signed(3, s.sum)
	}
	return 2, m
}

func (s *integerStatistics) merge(d detail) {
	other := d.(*integerStatistics)
	s.join(other.bounds)
	s.overflow = s.overflow || other.overflow
	s.addSum(other.sum)
}

func (s *integerStatistics) reset() { *s = integerStatistics{date: s.date} }

// floatStatistics describe floating point numbers. A column with NaN has no statistics, because NaN has no order.
type floatStatistics struct {
	bounds[float64]
	sum float64
	nan bool
}

func (s *floatStatistics) add(v float64) {
	s.bounds.add(v)
	s.sum += v
	s.nan = s.nan || math.IsNaN(v)
}

func (s *floatStatistics) field() (protowire.Number, message) {
	if s.nan {
		return 0, nil
	}
	least, most := s.least, s.most
	if least == 0 { // readers differ in the order of the zeros
		least = math.Copysign(0, -1)
	}
	if most == 0 {
		most = 0
	}
	m := message{}.double(1, least).double(2, most)
	if !math.IsNaN(s.sum) && !math.IsInf(s.sum, 0) {
		m = m.double(3, s.sum)
	}
	return 3, m
}

func (s *floatStatistics) merge(d detail) {
	other := d.(*floatStatistics)
	s.join(other.bounds)
	s.sum += other.sum
	s.nan = s.nan || other.nan
}

func (s *floatStatistics) reset() { *s = floatStatistics{} }

// booleanStatistics count the values that are true.
type booleanStatistics struct{ count int64 }

func (s *booleanStatistics) field() (protowire.Number, message) {
	return 5, message{}.packed(1, int(s.count))
}
func (s *booleanStatistics) merge(d detail) { s.count += d.(*booleanStatistics).count }
func (s *booleanStatistics) reset()         { s.count = 0 }
