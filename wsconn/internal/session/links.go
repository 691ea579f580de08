package session

import (
	"net/http"
	"sync"

	"github.com/wakechain/wakechain/wsconn/internal/tracepong"
)

// peerLinks is what the two ends agreed on about trace pongs, which tell the
// peer's reads which write sent their message. It is set before the first byte
// of the library's passes.
type peerLinks struct {
	send   bool // the peer takes them off
	client bool // this side is the client, and masks
}

// announce says in the request or the answer that trace pongs are taken off, or
// that they are not: a header that the program copied from elsewhere goes.
func announce(h http.Header, on bool) {
	if !on {
		h.Del(tracepong.Header)
		return
	}
	h.Set(tracepong.Header, tracepong.Version)
}

// asks reports whether a client's request asks for them.
func asks(h http.Header) bool { return hasToken(h, tracepong.Header, tracepong.Version) }

// confirms reports whether a server's answer does, and so that it takes them.
func confirms(h http.Header) bool { return h.Get(tracepong.Header) == tracepong.Version }

// mark is where in the bytes that are leaving a message begins that gets a trace
// pong. The library flushes at the end of each message, so that there is one
// begin at the most.
type mark struct {
	at   int
	pong tracepong.Pong
	set  bool
}

// markBegin notes that a message begins at that offset of what is leaving.
func (s *Session) markBegin(at int) {
	if !s.pongs.send || s.out.mark.set {
		return
	}
	op := s.out.writer.op
	if w := s.out.stream.Load(); !op.Valid() && w != nil {
		op = w.write.op // what it left in the library's buffer leaves with another's frame
	}
	if sc := op.SpanContext(); sc.IsSampled() {
		s.out.mark = mark{at, tracepong.Pong{Number: uint32(s.out.count + 1), Write: sc}, true}
	}
}

// pieces are where a trace pong and what it stands in are put together, so that
// they leave in one write. An idle connection holds none.
var pieces = sync.Pool{New: func() any { return new([]byte) }}

// maxPiece is the size up to which a piece is kept, in bytes: the buffers of
// both libraries have 4,096.
const maxPiece = 64 << 10

// writeMarked writes p and the trace pong in it, and returns how much of p was
// written.
func (w *wire) writeMarked(p []byte, m mark) (int, error) {
	piece := pieces.Get().(*[]byte)
	b := append((*piece)[:0], p[:m.at]...)
	b = tracepong.Append(b, m.pong, w.s.pongs.client)
	size := len(b) - m.at
	b = append(b, p[m.at:]...)

	n, err := w.ReadWriteCloser.Write(b)

	if cap(b) <= maxPiece {
		*piece = b
		pieces.Put(piece)
	}
	if n > m.at {
		n = max(m.at, n-size)
	}
	return n, err
}

// noteTracePong notes a trace pong of the peer's. It stands before its message, and
// says which one it is, so that whatever is between the two ends can only make
// it useless, and never wrong.
func (in *inbound) noteTracePong(p tracepong.Pong) (ok bool) {
	next := in.count + 1
	if in.message.frames > 0 {
		next++
	}
	if in.origin.IsValid() || p.Number != uint32(next) {
		in.ignored++
		return false
	}
	in.origin = p.Write
	return true
}
