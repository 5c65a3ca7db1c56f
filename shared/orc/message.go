package orc

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

// errMessage is returned for bytes that are not the expected protobuf message.
var errMessage = errors.New("not a valid message")

// field is a field of a protobuf message.
type field struct {
	number protowire.Number
	kind   protowire.Type
	n      uint64
	bytes  []byte
}

// eachField calls visit for every field of a message with a varint or bytes.
func eachField(message []byte, visit func(field) error) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return errMessage
		}
		message = message[n:]
		size := protowire.ConsumeFieldValue(number, kind, message)
		if size < 0 {
			return errMessage
		}
		f := field{number: number, kind: kind}
		switch kind {
		case protowire.VarintType:
			f.n, _ = protowire.ConsumeVarint(message)
		case protowire.BytesType:
			f.bytes, _ = protowire.ConsumeBytes(message)
		}
		if kind == protowire.VarintType || kind == protowire.BytesType {
			if err := visit(f); err != nil {
				return err
			}
		}
		message = message[size:]
	}
	return nil
}

// store stores a varint that is not negative as an int64.
func (f field) store(to *int64) error {
	if f.kind != protowire.VarintType || int64(f.n) < 0 {
		return errMessage
	}
	*to = int64(f.n)
	return nil
}

// small stores a varint of at most 31 bits.
func (f field) small(to *int) error {
	if f.kind != protowire.VarintType || f.n > 1<<31-1 {
		return errMessage
	}
	*to = int(f.n)
	return nil
}

// repeated appends a number, or a packed list of numbers, of at most 31 bits each.
func (f field) repeated(to *[]int, limit int) error {
	list := f.bytes
	if f.kind == protowire.VarintType {
		list = protowire.AppendVarint(nil, f.n)
	}
	for len(list) > 0 {
		v, n := protowire.ConsumeVarint(list)
		if n < 0 || v > 1<<31-1 || len(*to) == limit {
			return errMessage
		}
		*to, list = append(*to, int(v)), list[n:]
	}
	return nil
}

// message visits the fields of a message within the message.
func (f field) message(visit func(field) error) error {
	if f.kind != protowire.BytesType {
		return errMessage
	}
	return eachField(f.bytes, visit)
}
