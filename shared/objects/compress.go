package objects

import (
	"context"
	"io"
	"sync"

	seekable "github.com/SaveTheRbtz/zstd-seekable-format-go/pkg"
	"github.com/klauspost/compress/zstd"
)

const (
	frameSize = 1 << 20

	// One frame is filled, two are compressed, one is encrypted and written. With the plain and
	// packed form of each, a Writer uses 8 MiB.
	framesInFlight = 4
)

// encoder is shared by all writers: EncodeAll may be called concurrently, and
// borrows one of GOMAXPROCS compressors. The seek table carries a checksum of
// each frame, so frames need none of their own.
var encoder = sync.OnceValues(func() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithWindowSize(frameSize),
		zstd.WithEncoderCRC(false))
})

// frame is a piece of an object, reused after it has been written.
type frame struct {
	plain  []byte
	packed []byte        // plain as one zstd frame
	ready  chan struct{} // receives when packed is complete
}

// compressor turns frames into a stream in the Zstandard seekable format. It
// compresses them concurrently and writes them in order.
type compressor struct {
	encoder *zstd.Encoder
	idle    chan *frame
	queue   chan *frame

	stopped chan struct{} // closed when the stream has ended, with err set
	err     error
}

// newCompressor starts a stream on dst, which it closes at the end. Cancelling
// ctx ends it early.
func newCompressor(ctx context.Context, dst io.WriteCloser) (*compressor, error) {
	enc, err := encoder()
	if err != nil {
		return nil, err
	}
	c := &compressor{
		encoder: enc,
		idle:    make(chan *frame, framesInFlight),
		queue:   make(chan *frame, framesInFlight),
		stopped: make(chan struct{}),
	}
	for range framesInFlight {
		c.idle <- &frame{ready: make(chan struct{}, 1)}
	}
	go func() {
		defer close(c.stopped)
		c.err = c.write(ctx, dst)
	}()
	return c, nil
}

// next waits for an empty frame. It fails when the stream has failed.
func (c *compressor) next() (*frame, error) {
	select {
	case f := <-c.idle:
		return f, nil
	case <-c.stopped:
		return nil, c.err
	}
}

// put appends a frame that next returned to the stream.
func (c *compressor) put(f *frame) {
	c.queue <- f
	go func() {
		f.packed = c.encoder.EncodeAll(f.plain, f.packed[:0])
		f.ready <- struct{}{}
	}()
}

// finish ends the stream after the frames put so far.
func (c *compressor) finish() error {
	close(c.queue)
	<-c.stopped
	return c.err
}

func (c *compressor) write(ctx context.Context, dst io.WriteCloser) error {
	var packed precompressed
	stream, err := seekable.NewWriter(dst, &packed)
	if err != nil {
		return err
	}
	for f := range c.queue {
		<-f.ready
		if err := context.Cause(ctx); err != nil {
			return err
		}
		packed = f.packed
		if _, err := stream.Write(f.plain); err != nil {
			return err
		}
		f.plain = f.plain[:0]
		c.idle <- f
	}
	if err := stream.Close(); err != nil { // writes the seek table
		return err
	}
	return dst.Close()
}

// precompressed stands in for the encoder of a seekable.Writer, which then adds
// checksum and seek table to a frame compressed beforehand.
type precompressed []byte

func (p *precompressed) EncodeAll(_, _ []byte) []byte { return *p }
