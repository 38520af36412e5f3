package route

import "maps"

// shardCount bounds what one change copies: a table of 10,000 entries copies about 40 of them for a new one.
const shardCount = 256

// shards is a string map in pieces, so that the next table shares all pieces a change does not touch.
type shards[V any] [shardCount]map[string]V

func (s *shards[V]) get(key string) (V, bool) {
	v, ok := s[shardOf(key)][key]
	return v, ok
}

func (s *shards[V]) empty() bool {
	for _, m := range s {
		if len(m) > 0 {
			return false
		}
	}
	return true
}

// all calls f for every entry, in no order.
func (s *shards[V]) all(f func(key string, v V)) {
	for _, m := range s {
		for k, v := range m {
			f(k, v)
		}
	}
}

// shardOf is FNV-1a: allocation-free and the same in every process, so that tests see one layout.
func shardOf(key string) uint8 {
	h := uint32(2166136261)
	for i := 0; i < len(key); i++ {
		h = (h ^ uint32(key[i])) * 16777619
	}
	return uint8(h ^ h>>8 ^ h>>16)
}

// editor changes a table's shards in place, after it has copied each piece once.
type editor[V any] struct {
	to    *shards[V]
	owned [shardCount]bool
}

func edit[V any](s *shards[V]) *editor[V] { return &editor[V]{to: s} }

func (e *editor[V]) piece(key string) map[string]V {
	i := shardOf(key)
	if !e.owned[i] {
		e.owned[i] = true
		e.to[i] = maps.Clone(e.to[i])
		if e.to[i] == nil {
			e.to[i] = map[string]V{}
		}
	}
	return e.to[i]
}

func (e *editor[V]) set(key string, v V) { e.piece(key)[key] = v }

func (e *editor[V]) delete(key string) {
	if _, ok := e.to.get(key); ok {
		delete(e.piece(key), key)
	}
}
