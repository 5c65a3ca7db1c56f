package objects

import (
	"bytes"
	mathrand "math/rand/v2"
	"slices"
	"testing"
)

// image is an io.WriterAt in memory.
type image []byte

func (m image) WriteAt(p []byte, offset int64) (int, error) { return copy(m[offset:], p), nil }

// sealedObject opens an object of incompressible frames of 1,000 bytes.
func sealedObject(t *testing.T, data []byte) (*Object, *store) {
	t.Helper()
	s := &store{content: sealBytes(t, "a", compressed(t, data))}
	plain, err := unseal(s.fetch, int64(len(s.content)), "a", testKey)
	if err != nil {
		t.Fatal(err)
	}
	o, err := newObject("a", plain)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { o.Close() })
	return o, s
}

func TestCopyRanges_FarApart_AsksForTheirFramesOnly(t *testing.T) {
	t.Parallel()
	data := noise(20 << 20)
	o, s := sealedObject(t, data)
	s.requests, s.asked = 0, 0
	wanted := []Range{{5, 10}, {3_000, 70_000}, {500_000, 100}, {8 << 20, 1 << 20}, {15 << 20, 1}, {int64(len(data)) - 9, 9}}
	got, want := make(image, len(data)), make(image, len(data))
	for _, r := range wanted {
		copy(want[r.Offset:r.End()], data[r.Offset:])
	}
	if err := o.CopyRanges(got, wanted); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%v, or other bytes", err)
	}
	// The first three share a request.
	if s.requests != 4 || s.asked > 500_000+1<<20+8*packageSize {
		t.Errorf("%d requests for %d bytes", s.requests, s.asked)
	}
	all := make(image, len(data))
	if err := o.CopyRanges(all, []Range{{0, int64(len(data))}}); err != nil || !bytes.Equal(all, data) {
		t.Errorf("the whole object: %v, or other bytes", err)
	}
}

func TestCopyRanges_AnyRanges_AreCopied(t *testing.T) {
	t.Parallel()
	data := noise(4 << 20)
	o, _ := sealedObject(t, data)
	random := mathrand.New(mathrand.NewPCG(5, 6))
	for range 50 {
		cuts := make([]int64, 2*(1+random.IntN(8)))
		for i := range cuts {
			cuts[i] = random.Int64N(int64(len(data)) + 1)
		}
		slices.Sort(cuts)
		var wanted []Range
		got, want := make(image, len(data)), make(image, len(data))
		for pair := range slices.Chunk(cuts, 2) {
			if r := (Range{pair[0], pair[1] - pair[0]}); r.Length > 0 {
				wanted = append(wanted, r)
				copy(want[r.Offset:r.End()], data[r.Offset:])
			}
		}
		if err := o.CopyRanges(got, wanted); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%v: %v, or other bytes", wanted, err)
		}
	}
}

func TestCopyRanges_OutsideOfTheObject_IsRefused(t *testing.T) {
	t.Parallel()
	o, _ := sealedObject(t, noise(5000))
	for _, r := range []Range{{-1, 5}, {4999, 2}, {5000, 1}, {0, 0}, {1 << 62, 1 << 62}} {
		if err := o.CopyRanges(make(image, 5000), []Range{r}); err == nil {
			t.Errorf("%v is copied", r)
		}
	}
}

func TestCopyRanges_PrimaryFails_BackupIsRead(t *testing.T) {
	t.Parallel()
	wanted := []Range{{1000, 10}, {1 << 20, 1 << 20}}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t)
			o, err := p.Open(t.Context(), "a", p.key)
			if err != nil {
				t.Fatal(err)
			}
			defer o.Close()
			p.primary.set(nil, fault)
			got := make(image, len(p.data))
			if err := o.CopyRanges(got, wanted); err != nil || len(p.reports) != 1 {
				t.Errorf("%v with %d reports, want the backup's bytes and one report", err, len(p.reports))
			}
			for _, r := range wanted {
				if !bytes.Equal(got[r.Offset:r.End()], p.data[r.Offset:r.End()]) {
					t.Errorf("%v: other bytes", r)
				}
			}
		})
	}
}
