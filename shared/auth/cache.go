package auth

import "sync"

// cache is a map of bounded size. When it is full, a new entry replaces an arbitrary one, so
// that nobody can make it grow or flush it at once.
type cache[K comparable, V any] struct {
	mu    sync.RWMutex
	size  int
	known map[K]V
}

func newCache[K comparable, V any](size int) *cache[K, V] {
	return &cache[K, V]{size: size, known: map[K]V{}}
}

func (m *cache[K, V]) get(key K) (V, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	value, ok := m.known[key]
	return value, ok
}

func (m *cache[K, V]) put(key K, value V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, known := m.known[key]; !known && len(m.known) >= m.size {
		for other := range m.known {
			delete(m.known, other)
			break
		}
	}
	m.known[key] = value
}

func (m *cache[K, V]) drop(key K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.known, key)
}
