// Package orders makes the CSV file that measurements upload.
package orders

import (
	"bufio"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"
)

// WriteCSV writes orders of a fictitious shop, the same in every run: IDs, codes with leading
// zeros, words, dates, decimals and gaps. It returns the number of rows.
func WriteCSV(path string, length int64) (rows int64, err error) {
	file, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	w := bufio.NewWriterSize(file, 1<<20)
	header, err := w.WriteString("id,code,country,customer,ordered_on,shipped_at,quantity,price,discount,paid,comment\n")
	if err != nil {
		return 0, err
	}
	random := rand.New(rand.NewPCG(1, 2))
	var row []byte
	for written := int64(header); written < length; {
		rows++
		row = appendOrder(row[:0], rows, random)
		n, err := w.Write(row)
		if err != nil {
			return 0, err
		}
		written += int64(n)
	}
	if err := w.Flush(); err != nil {
		return 0, err
	}
	return rows, file.Close()
}

var (
	words = strings.Fields(`amber anchor apple autumn bamboo basket beacon berry birch blossom
		breeze bridge brook button candle canyon cedar cherry cinder clover cobalt copper coral
		cotton cradle crystal cypress dawn delta desert dune ember falcon feather fern field flint
		forest fountain garden garnet ginger glacier granite grove harbor hazel heather hollow
		honey indigo iris island ivory jade jasmine juniper kettle lagoon lantern laurel lemon
		lilac linen lotus maple marble meadow mint mosaic nectar oak ocean olive onyx orchard`)
	countries = strings.Fields("AT BE BR CA CH CN DE DK ES FI FR GB IE IN IT JP KR MX NL NO PL PT SE US ZA")
	firstDay  = time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)
)

func appendOrder(row []byte, id int64, random *rand.Rand) []byte {
	word := func() string { return words[random.IntN(len(words))] }
	ordered := firstDay.Add(time.Duration(random.IntN(10*365*24*3600)) * time.Second)
	row = strconv.AppendInt(row, 1_000_000+id, 10)
	row = append(row, ',')
	code := strconv.Itoa(random.IntN(90_000))
	row = append(append(row, "000000"[len(code):]...), code...)
	row = append(append(row, ','), countries[random.IntN(len(countries))]...)
	row = append(append(append(append(row, ','), word()...), ' '), word()...)
	row = ordered.AppendFormat(append(row, ','), time.DateOnly)
	row = append(row, ',')
	if random.IntN(20) > 0 {
		shipped := ordered.Add(time.Duration(random.IntN(5*24*3600)) * time.Second)
		row = shipped.AppendFormat(row, "2006-01-02T15:04:05Z")
	}
	row = strconv.AppendInt(append(row, ','), 1+int64(random.ExpFloat64()*3), 10)
	row = strconv.AppendFloat(append(row, ','), float64(random.IntN(100_000))/100, 'f', 2, 64)
	row = append(row, ',')
	if random.IntN(3) == 0 {
		row = strconv.AppendFloat(row, float64(random.IntN(400))/1000, 'f', 3, 64)
	}
	row = strconv.AppendBool(append(row, ','), random.IntN(10) > 0)
	row = append(row, ',')
	if random.IntN(4) == 0 {
		row = append(append(append(row, '"'), word()...), ", "...)
		row = append(append(append(append(row, word()...), ' '), word()...), '"')
	}
	return append(row, '\n')
}
