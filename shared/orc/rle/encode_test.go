package rle_test

import (
	"bytes"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"function/shared/orc/rle"
)

// integers returns lists of integers of many shapes.
func integers(random *rand.Rand) []int64 {
	n := 1 + random.IntN(1300)
	width := 1 + random.IntN(63)
	values := make([]int64, n)
	at := random.Int64() >> random.IntN(64)
	shape := random.IntN(8)
	for i := range values {
		v := random.Int64() >> (63 - width)
		switch shape {
		case 0:
			values[i] = v
		case 1:
			values[i] = v - 1<<(width-1)
		case 2: // rises, and may overflow
			at += v >> 1
			values[i] = at
		case 3:
			at -= 3
			values[i] = at
		case 4: // repeats
			if random.IntN(6) == 0 {
				at = v
			}
			values[i] = at
		case 5: // few are large
			values[i] = v & 15
			if random.IntN(60) == 0 {
				values[i] = v
			}
		case 6:
			values[i] = -1000 + v&15
			if random.IntN(300) == 0 {
				values[i] = v
			}
		case 7:
			values[i] = []int64{math.MinInt64, math.MaxInt64, 0, -1, 1}[random.IntN(5)]
		}
	}
	return values
}

func TestIntegers_OfManyShapes_AreDecodedAsEncoded(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		values, signed := integers(random), random.IntN(2) == 0
		var b bytes.Buffer
		e := rle.NewIntegerEncoder(&b, signed)
		for _, v := range values {
			if err := e.Append(v); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Flush(); err != nil {
			t.Fatal(err)
		}
		if most := 9*len(values) + 16; b.Len() > most {
			t.Errorf("%d values have %d bytes", len(values), b.Len())
		}
		d := rle.NewIntegers(&b, signed, true)
		decoded := make([]int64, 0, len(values))
		for {
			v, err := d.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			decoded = append(decoded, v)
		}
		if !slices.Equal(values, decoded) {
			t.Fatalf("signed %t: %s", signed, cmp.Diff(values, decoded))
		}
	}
}

func TestBytesAndBooleans_OfManyShapes_AreDecodedAsEncoded(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		n, most := random.IntN(600), 1+random.IntN(40)
		var b, flags bytes.Buffer
		e, f := rle.NewByteEncoder(&b), rle.NewBooleanEncoder(&flags)
		values, v := make([]byte, n), byte(0)
		for i := range values {
			if random.IntN(most) < 3 {
				v = byte(random.IntN(4))
			}
			values[i] = v
			if err := e.Append(v); err != nil {
				t.Fatal(err)
			}
			if err := f.Append(v > 1); err != nil {
				t.Fatal(err)
			}
		}
		if e.Flush() != nil || f.Flush() != nil {
			t.Fatal("the flush failed")
		}
		d, g := rle.NewBytes(&b), rle.NewBooleans(&flags)
		for i, want := range values {
			got, err := d.Next()
			if err != nil || got != want {
				t.Fatalf("byte %d is %d, %v, not %d", i, got, err, want)
			}
			set, err := g.Next()
			if err != nil || set != (want > 1) {
				t.Fatalf("boolean %d is %t, %v", i, set, err)
			}
		}
		if _, err := d.Next(); err != io.EOF {
			t.Errorf("after the last byte: %v", err)
		}
	}
}

func TestIntegerEncoder_TakesTheShortestEncoding(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		value func(i int) int64
		bytes int
	}{
		"repeated":        {func(int) int64 { return 7 }, 4},
		"rising steadily": {func(i int) int64 { return int64(5 * i) }, 4},
		"rising":          {func(i int) int64 { return int64(i*i%3) + int64(3*i) }, 200},
		"one large":       {func(i int) int64 { return int64(i*7%16) + int64(i/511)<<40 }, 280},
	} {
		var b bytes.Buffer
		e := rle.NewIntegerEncoder(&b, true)
		for i := range 512 {
			if err := e.Append(test.value(i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := e.Flush(); err != nil || b.Len() > test.bytes {
			t.Errorf("%s: %d bytes, %v; want at most %d", name, b.Len(), err, test.bytes)
		}
	}
}
