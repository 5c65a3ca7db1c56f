package rle

// widths has the bits of a value for each code of five bits.
var widths = [32]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 26, 28, 30, 32, 40, 48, 56, 64}

// fixedWidth returns the least of the widths that holds n bits.
func fixedWidth(n int) int {
	for _, w := range widths {
		if w >= n {
			return w
		}
	}
	return 0
}

// run2 decodes a run of version 2.
func (d *Integers) run2() error {
	first, err := d.in.ReadByte()
	if err != nil {
		return err
	}
	if first>>6 == 0 {
		return d.shortRepeat(first)
	}
	second, err := d.in.ReadByte()
	if err != nil {
		return within(err)
	}
	code, n := int(first>>1&31), (int(first&1)<<8|int(second))+1
	switch first >> 6 {
	case 1:
		return d.direct(n, widths[code])
	case 2:
		return d.patchedBase(n, widths[code])
	}
	return d.delta(n, code)
}

func (d *Integers) shortRepeat(first byte) error {
	v, err := d.bigEndian(int(first>>3&7) + 1)
	if err != nil {
		return err
	}
	if d.signed {
		v = uint64(unzigzag(v))
	}
	for range int(first&7) + 3 {
		d.values = append(d.values, int64(v))
	}
	return nil
}

func (d *Integers) direct(n, width int) error {
	if err := d.unpack(n, width); err != nil {
		return err
	}
	if d.signed {
		for i, v := range d.values {
			d.values[i] = unzigzag(uint64(v))
		}
	}
	return nil
}

func (d *Integers) patchedBase(n, width int) error {
	head, err := d.bytes(2)
	if err != nil {
		return err
	}
	baseBytes, patchWidth := int(head[0]>>5)+1, widths[head[0]&31]
	gapWidth, patches := int(head[1]>>5)+1, int(head[1]&31)
	magnitude, err := d.bigEndian(baseBytes)
	if err != nil {
		return err
	}
	base, sign := int64(magnitude), uint64(1)<<(8*baseBytes-1)
	if magnitude&sign != 0 {
		base = -int64(magnitude &^ sign)
	}
	if patches == 0 || gapWidth+patchWidth > 64 {
		return ErrInvalid
	}
	if err := d.unpack(n, width); err != nil {
		return err
	}
	if err := d.unpack(patches, fixedWidth(gapWidth+patchWidth)); err != nil {
		return err
	}
	at := 0
	for _, entry := range d.values[n:] {
		at += int(uint64(entry) >> patchWidth)
		if at >= n {
			return ErrInvalid
		}
		patch := uint64(entry) & (1<<patchWidth - 1)
		if patch<<width>>width != patch {
			return ErrInvalid
		}
		d.values[at] |= int64(patch << width)
	}
	d.values = d.values[:n]
	for i := range d.values {
		d.values[i] += base
	}
	return nil
}

// delta decodes a run of a base, the difference of its first two values, and the absolute
// differences of the others. code gives their width; 0 means that they all equal the first one.
func (d *Integers) delta(n, code int) error {
	base, err := d.varint()
	if err != nil {
		return err
	}
	u, err := d.uvarint()
	if err != nil {
		return err
	}
	difference := unzigzag(u)
	d.values = append(d.values, base)
	if n == 1 {
		return nil
	}
	if code == 0 {
		for i := 1; i < n; i++ {
			d.values = append(d.values, d.values[i-1]+difference)
		}
		return nil
	}
	d.values = append(d.values, base+difference)
	if err := d.unpack(n-2, widths[code]); err != nil {
		return err
	}
	for i := 2; i < n; i++ {
		if difference < 0 {
			d.values[i] = -d.values[i]
		}
		d.values[i] += d.values[i-1]
	}
	return nil
}
