package sandbox

import (
	"context"
	"fmt"
	"runtime"

	"function/shared/engine"
)

// spare holds an unused instance for the next query, because opening one takes most of the sandbox's overhead.
var spare = make(chan *engine.Session, 1)

// fresh returns an instance with every setting that does not depend on the query.
func fresh(ctx context.Context) (*engine.Session, error) {
	select {
	case s := <-spare:
		return s, nil
	default:
		return openFresh(ctx)
	}
}

func openFresh(ctx context.Context) (*engine.Session, error) {
	return engine.Open(ctx, append(shadows(),
		fmt.Sprintf("SET threads = %d", runtime.GOMAXPROCS(0)),
		"SET temp_directory = ''",
		"SET allow_community_extensions = false",
	)...)
}

// replace closes a used instance and opens the spare, both in the background.
func replace(s *engine.Session) {
	go func() {
		s.Close()
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
			next.Close()
		}
	}()
}
