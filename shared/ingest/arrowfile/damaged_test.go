package arrowfile

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// TestConvert_DamagedBytes_NeverPanics changes bytes of files.
func TestConvert_DamagedBytes_NeverPanics(t *testing.T) {
	t.Parallel()
	batch := sample(t)
	random := rand.New(rand.NewPCG(1, 2))
	for _, content := range [][]byte{write(t, batch, false, 2), write(t, batch, true, 1, ipc.WithZstd()), write(t, batch, false, 1, ipc.WithLZ4())} {
		for range 300 {
			changed := bytes.Clone(content)
			for range 1 + random.IntN(3) {
				changed[random.IntN(len(changed))] = [...]byte{0, 1, 0x7f, 0x80, 0xff, byte(random.Uint32())}[random.IntN(6)]
			}
			convert(t, changed)
		}
	}
}
