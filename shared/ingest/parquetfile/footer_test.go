package parquetfile

import "testing"

func FuzzParquetFooter(f *testing.F) {
	f.Add([]byte{0x15, 0x04, 0x29, 0x2c, 0x48, 0x06, 's', 0x00})
	f.Fuzz(func(t *testing.T, content []byte) {
		walk := thrift{raw: content, field: (&Footer{raw: content}).note}
		walk.structure(nil)
	})
}
