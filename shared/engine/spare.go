package engine

import (
	"context"
	"fmt"
	"runtime"
)

// spare holds an instance for the next query, opened ahead: to open one takes most of the time that the sandbox
// costs. Nobody's SQL has touched it.
var spare = make(chan *session, 1)

// fresh answers an instance with all of the sandbox that does not depend on the query.
func fresh(ctx context.Context) (*session, error) {
	select {
	case s := <-spare:
		return s, nil
	default:
		return openFresh(ctx)
	}
}

func openFresh(ctx context.Context) (*session, error) {
	return open(ctx, append(shadows(),
		fmt.Sprintf("SET threads = %d", runtime.GOMAXPROCS(0)),
		"SET temp_directory = ''",
		"SET allow_community_extensions = false",
	)...)
}

// replace closes an instance that has served its query, and opens the spare, off the query's path.
func (s *session) replace() {
	go func() {
		s.close()
		if len(spare) > 0 {
			return
		}
		next, err := openFresh(context.Background())
		if err != nil {
			return // the next query opens its own, and reports what is wrong
		}
		select {
		case spare <- next:
		default:
			next.close()
		}
	}()
}
