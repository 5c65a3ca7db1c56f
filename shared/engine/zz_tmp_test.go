package engine
import ("testing";"context")
func TestTmp(t *testing.T){ 
 for _, n := range []string{"12345678901234567890123456789","9223372036854775808"} {
 for _, q := range []string{"SELECT ?::DECIMAL(38,0) AS n","SELECT ?::HUGEINT","SELECT ?", "SELECT 1 WHERE 5::BIGINT < ?", "SELECT 1 WHERE 12345678901234567890123456788::DECIMAL(38,0) < ?","SELECT 1 WHERE 12345678901234567890123456788::HUGEINT < ?", "SELECT 5::HUGEINT + ?", "SELECT 1 WHERE 5::DECIMAL(38,0) IN (?)","SELECT 1 WHERE 5::DOUBLE < ?"} {
 s,err:=Query(context.Background(),nil,q,[]any{n},Limits{})
 if err != nil { t.Logf("%s %s: %v", n, q, err) } else { t.Log(n, q, s.Rows, s.Columns) } }}
}
