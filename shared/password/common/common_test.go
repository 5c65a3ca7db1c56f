package common_test

import (
	"testing"

	"function/shared/password/common"
)

func TestRank_CommonPasswords(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]int{
		"123456": 100, "Password": 100, "ＰＡＳＳＷＯＲＤ": 100, "dragon": 100, "letmein1": 1_000,
		"": 0, "correct horse": 0, "correct horse battery": 0, "xq7-Lumpfish": 0,
	} {
		if got := common.Rank(common.Fold(word)); got != want {
			t.Errorf("Rank(%q) = %d, want %d", word, got, want)
		}
	}
	if last := common.Rank("correct"); last < 90_000 || last > 100_000 {
		t.Errorf("a word of the end of the list has rank %d, want about 100,000", last)
	}
}

func TestRank_AllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { common.Rank("a password that is not in the list") }); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func BenchmarkRank(b *testing.B) {
	for word, name := range map[string]string{"123456": "first tier", "a password that is not in the list": "absent"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				common.Rank(word)
			}
		})
	}
}
