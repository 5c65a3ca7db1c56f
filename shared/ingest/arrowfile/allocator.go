package arrowfile

import (
	"fmt"
	"sync/atomic"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"function/shared/ingest/invalid"
)

// maxMemory bounds the decompressed buffers that are held at a time: a batch, the bytes that it was read from, and the
// dictionaries.
const maxMemory = 224 << 20

// allocator bounds the memory of buffers. A buffer beyond the bound panics with an *invalid.Error.
type allocator struct {
	held      atomic.Int64
	allocated atomic.Int64 // in all
	exceeded  bool
}

func (a *allocator) Allocate(size int) []byte {
	a.grow(int64(size))
	return memory.DefaultAllocator.Allocate(size)
}

func (a *allocator) Reallocate(size int, b []byte) []byte {
	a.grow(int64(size - len(b)))
	return memory.DefaultAllocator.Reallocate(size, b)
}

func (a *allocator) Free(b []byte) {
	a.held.Add(-int64(len(b)))
	memory.DefaultAllocator.Free(b)
}

func (a *allocator) grow(by int64) {
	if by > maxMemory || a.held.Load()+by > maxMemory {
		a.exceeded = true
		panic(tooLargeBatch())
	}
	a.held.Add(by)
	a.allocated.Add(max(by, 0))
}

// expands checks what the bytes read so far have become.
func (a *allocator) expands(read int64) error { return invalid.Expands(read, a.allocated.Load()) }

func tooLargeBatch() *invalid.Error {
	return &invalid.Error{Detail: fmt.Sprintf("A record batch of the Arrow file needs more than %d MiB: write it in smaller batches, such as of 65,536 rows.", maxMemory>>20)}
}
