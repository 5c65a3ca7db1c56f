package tables

import (
	"encoding/binary"
	"errors"
	"testing"

	"function/shared/objects"
)

func TestParse_DamagedMetadata_IsRefusedOrConsistent(t *testing.T) {
	t.Parallel()
	data := parquet(t, "SELECT i, 'x' || i % 5 AS s, {'p': i} AS st FROM range(3000) r(i)", ", ROW_GROUP_SIZE 2048")
	size := int64(len(data))
	end := size - 8
	start := end - int64(binary.LittleEndian.Uint32(data[end:]))
	refused := 0
	for bit := range (end - start) * 8 {
		damaged := append([]byte{}, data[start:end]...)
		damaged[bit/8] ^= 1 << (bit % 8)
		l, err := parse(damaged, start, size)
		if err != nil {
			if !errors.Is(err, errLayout) {
				t.Fatal(err)
			}
			refused++
			continue
		}
		total := length(l.footer)
		for _, c := range l.columns {
			total += c.bytes()
			for _, r := range c.ranges {
				if r.Offset < 4 || r.End() > start {
					t.Fatalf("bit %d: %v is outside of the data", bit, r)
				}
			}
		}
		if total != size {
			t.Fatalf("bit %d: the parts have %d bytes, the file %d", bit, total, size)
		}
	}
	if refused == 0 {
		t.Error("no damage is refused")
	}
}

func TestBetween_Overlap_IsRefused(t *testing.T) {
	t.Parallel()
	if _, err := between([]objects.Range{{Offset: 4, Length: 10}, {Offset: 13, Length: 5}}, 100); !errors.Is(err, errLayout) {
		t.Errorf("got %v", err)
	}
}
