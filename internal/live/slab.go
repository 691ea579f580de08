package live

// A Slab hands out values that are made many at a time. What it has handed out does
// not move. The zero Slab is ready for use.
type Slab[T any] struct {
	chunks [][]T
	at     int // chunk
	used   int // of it
}

// Chunks have room for so many values: the first for few, since most programs have
// few.
const (
	firstChunk = 16
	mostChunk  = 256
)

// New returns a zero value.
func (s *Slab[T]) New() *T { return &s.Take(1)[0] }

// Take returns n zero values, which nothing can be appended to in place.
func (s *Slab[T]) Take(n int) []T {
	if n > mostChunk {
		return make([]T, n)
	}
	for {
		if s.at == len(s.chunks) {
			s.chunks = append(s.chunks, make([]T, max(n, min(firstChunk<<min(s.at, 8), mostChunk))))
		}
		if chunk := s.chunks[s.at]; s.used+n <= len(chunk) {
			s.used += n
			return chunk[s.used-n : s.used : s.used]
		}
		s.at, s.used = s.at+1, 0
	}
}

// Reset takes all back, which nobody may use any more, and keeps the memory.
func (s *Slab[T]) Reset() {
	for _, chunk := range s.chunks[:min(s.at+1, len(s.chunks))] {
		clear(chunk)
	}
	s.at, s.used = 0, 0
}
