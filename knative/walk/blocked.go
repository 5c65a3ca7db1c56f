package walk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

type verdict struct {
	Status   string
	Score    float64
	Results  []struct{ Rule, Status string }
	Failures struct{ Name string }
}

// keepBadVersionFromEverybody uploads rows that break the contract while 20 readers count them.
func (g *governed) keepBadVersionFromEverybody() {
	stop := make(chan struct{})
	var readers sync.WaitGroup
	var lock sync.Mutex
	seen := map[string]int{}
	for range 20 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				answer := g.countOrders()
				if strings.HasPrefix(answer, "503 ") { // more queries than run or wait at once
					time.Sleep(50 * time.Millisecond)
					continue
				}
				lock.Lock()
				seen[answer]++
				lock.Unlock()
			}
		})
	}
	v := decode[version](g.client, http.MethodPost, g.orders.path, http.StatusCreated,
		g.upload(g.orders.path+"/upload", "bad.csv", []byte("id,region,email,amount\n6,EU,finn@example.org,-7\n6,US,gus@example.org,9\n7,EU,hal@example.org,1\n")))
	path := fmt.Sprintf("%s/versions/%d", g.orders.path, v.Version)
	bad := until(g.client, "the verdict", func() dataset { return get[dataset](g.client, path) }, func(d dataset) bool { return d.Status != "processing" })
	close(stop)
	readers.Wait()
	if bad.Status != "blocked" {
		g.t.Fatalf("a version that breaks the contract is %s: %s", bad.Status, bad.Failure)
	}
	if len(seen) != 1 || seen["200 [[5]]"] == 0 {
		g.t.Fatalf("readers saw %v, want 5 rows always", seen)
	}
	g.want(http.MethodGet, fmt.Sprintf("%s/download?version=%d", g.orders.path, v.Version), http.StatusConflict)
	q := get[verdict](g.client, fmt.Sprintf("%s/quality/%d", g.orders.path, v.Version))
	if q.Failures.Name != "orders_failures" {
		g.t.Fatalf("the failing rows are in %q", q.Failures.Name)
	}
	until(g.client, "the failing rows", func() int {
		return g.walk.send(http.MethodPost, "/v1/analytics/query", "application/json", bytes.NewReader(encode(failing))).status
	},
		func(status int) bool { return status == http.StatusOK })
	g.wantRows(failing, [][]string{{"6", "-7", "positive"}, {"6", "-7", "unique_id"}, {"6", "9", "unique_id"}})
}

const failing = `SELECT id, amount, _rule FROM orders_failures ORDER BY ALL`

func encode(sql string) []byte {
	body, _ := json.Marshal(map[string]string{"database": "datasets", "query": sql}) // strings do not fail
	return body
}

// countOrders returns the status and the rows of an answer.
func (g *governed) countOrders() string {
	request, err := http.NewRequest(http.MethodPost, g.client.url+"/v1/analytics/query", bytes.NewReader(encode("SELECT count(*) FROM orders")))
	if err != nil {
		return err.Error()
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+g.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	var answer struct{ Rows any }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return err.Error()
	}
	return fmt.Sprint(response.StatusCode, answer.Rows)
}
