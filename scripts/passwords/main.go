// Command passwords writes the list of common passwords that shared/password/common embeds. Run it
// in the project's root, with one password per line as input, most common first:
//
//	go run ./scripts/passwords < PwnedPasswordTop100k.txt
package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"slices"

	"function/shared/password/common"
)

const target = "shared/password/common/list.bin"

func main() {
	out, err := encode(os.Stdin)
	if err == nil {
		err = os.WriteFile(target, out, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "passwords:", err)
		os.Exit(1)
	}
}

func encode(in io.Reader) ([]byte, error) {
	var prints []uint64
	known := map[uint64]bool{}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		f := common.Fingerprint(common.Fold(lines.Text()))
		if lines.Text() != "" && !known[f] {
			known[f], prints = true, append(prints, f)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the list: %w", err)
	}
	from := 0
	for _, end := range append(common.Tiers[:], len(prints)) {
		if end > len(prints) {
			return nil, fmt.Errorf("the list has %d passwords, want at least %d", len(prints), end)
		}
		slices.Sort(prints[from:end])
		from = end
	}
	var out []byte
	for _, f := range prints {
		out = append(out, binary.BigEndian.AppendUint64(nil, f)[8-common.FingerprintSize:]...)
	}
	return out, nil
}
