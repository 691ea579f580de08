package live

// A Slab allocates values in chunks. Its values do not move. The zero Slab is ready for
// use.
type Slab[T any] struct {
	chunks [][]T
	at     int // current chunk
	used   int // values of it
}

// The sizes of chunks. The first are small, since most programs need few values.
const (
	firstChunk = 16
	mostChunk  = 256
)

// New returns a zero value.
func (s *Slab[T]) New() *T { return &s.Take(1)[0] }

// Take returns n zero values. Appending to them reallocates.
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

// Reset frees all values, which must no longer be used, and keeps the memory.
func (s *Slab[T]) Reset() {
	for _, chunk := range s.chunks[:min(s.at+1, len(s.chunks))] {
		clear(chunk)
	}
	s.at, s.used = 0, 0
}
