package rle

import (
	"math"
	"math/bits"
)

// Bounds of a run with patches, which other readers have.
const (
	maxBaseBits   = 55
	maxPatchedBit = 56
	minPatched    = 32 // values, for which patches are worth a try
)

// patches describes a run of a base, small differences to it, and patches of the large ones.
type patches struct {
	width      int // code, of the differences
	patchWidth int // code, of the bits above
	gapWidth   int
	count      int
}

// planPatches returns how to encode values with patches, and the size of the run, which is
// math.MaxInt if they cannot be.
func planPatches(values []int64, least, most int64) (patches, int) {
	best, bestSize := patches{}, math.MaxInt
	magnitude := uint64(max(least, -least))
	longest := bits.Len64(uint64(most - least))
	if len(values) < minPatched || bits.Len64(magnitude) > maxBaseBits || longest > maxPatchedBit {
		return best, bestSize
	}
	var lengths [maxPatchedBit + 1]int
	for _, v := range values {
		lengths[bits.Len64(uint64(v-least))]++
	}
	above := 0 // values that are longer than the width
	for n := longest - 1; n > 0; n-- {
		if above += lengths[n+1]; above > maxPatches {
			break
		}
		if widths[code(n)] != n {
			continue
		}
		p, ok := place(values, least, n, longest)
		if !ok {
			break
		}
		size := 4 + baseSize(magnitude) + packedSize(len(values), n) + packedSize(p.count, fixedWidth(p.gapWidth+widths[p.patchWidth]))
		if size < bestSize {
			best, bestSize = p, size
		}
	}
	return best, bestSize
}

// place counts the patches and the bits of their gaps, for differences of width bits.
func place(values []int64, least int64, width, longest int) (patches, bool) {
	p := patches{width: code(width), patchWidth: code(longest - width)}
	last, most := 0, 0
	for i, v := range values {
		if bits.Len64(uint64(v-least)) <= width {
			continue
		}
		gap := i - last
		for ; gap > maxGap; gap -= maxGap {
			p.count++
			most = maxGap
		}
		p.count++
		most, last = max(most, gap), i
	}
	p.gapWidth = max(1, bits.Len(uint(most)))
	return p, p.count <= maxPatches && p.gapWidth+widths[p.patchWidth] <= 64 && width+widths[p.patchWidth] <= 64
}

// baseSize returns the bytes of a base, whose first bit is the sign.
func baseSize(magnitude uint64) int { return bits.Len64(magnitude)/8 + 1 }

func (e *IntegerEncoder) patchedBase(values []int64, least int64, p patches) {
	magnitude := uint64(max(least, -least))
	size := baseSize(magnitude)
	e.header(2, p.width, len(values))
	e.encoded = append(e.encoded, byte((size-1)<<5|p.patchWidth), byte((p.gapWidth-1)<<5|p.count))
	if least < 0 {
		magnitude |= 1 << (8*size - 1)
	}
	e.bigEndian(magnitude, size)

	width, patchWidth := widths[p.width], widths[p.patchWidth]
	packed, list, last := e.space[:len(values)], make([]uint64, 0, maxPatches), 0
	for i, v := range values {
		difference := uint64(v - least)
		packed[i] = difference & (1<<width - 1)
		if difference == packed[i] {
			continue
		}
		gap := i - last
		for ; gap > maxGap; gap -= maxGap {
			list = append(list, maxGap<<patchWidth)
		}
		list = append(list, uint64(gap)<<patchWidth|difference>>width)
		last = i
	}
	e.pack(packed, width)
	e.pack(list, fixedWidth(p.gapWidth+patchWidth))
}
