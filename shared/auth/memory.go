package auth

import "sync"

// memory is a cache of bounded size. When it is full, a new entry replaces an arbitrary one, so
// that nobody can make it grow or flush it at once.
type memory[K comparable, V any] struct {
	mu    sync.RWMutex
	size  int
	known map[K]V
}

func newMemory[K comparable, V any](size int) *memory[K, V] {
	return &memory[K, V]{size: size, known: map[K]V{}}
}

func (m *memory[K, V]) get(key K) (V, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	value, ok := m.known[key]
	return value, ok
}

func (m *memory[K, V]) put(key K, value V) {
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

func (m *memory[K, V]) drop(key K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.known, key)
}
