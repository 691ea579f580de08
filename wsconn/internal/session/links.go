package session

import (
	"io"
	"net/http"
	"sync"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/wsconn/internal/tracepong"
)

// peerLinks is the agreement of the two ends about trace pongs, which name the write of
// each message to the peer's reads. It is set before the library's first byte.
type peerLinks struct {
	send   bool // the peer strips them: send them
	client bool // this side is the client, and masks
}

// announce sets the header of a request or a response that announces that this side
// strips trace pongs. If it does not, a header that the program copied from elsewhere
// is deleted.
func announce(h http.Header, on bool) {
	if !on {
		h.Del(tracepong.Header)
		return
	}
	h.Set(tracepong.Header, tracepong.Version)
}

// asks reports whether a client's request asks for trace pongs.
func asks(h http.Header) bool { return hasToken(h, tracepong.Header, tracepong.Version) }

// confirms reports whether a server's response agrees to trace pongs.
func confirms(h http.Header) bool { return h.Get(tracepong.Header) == tracepong.Version }

// mark is the offset, in the bytes about to be sent, of a message that gets a trace
// pong. The library flushes after each message, so there is at most one.
type mark struct {
	at   int
	pong tracepong.Pong
	op   trace.Op // whose span the pong names
	set  bool
}

// markBegin notes that a message begins at that offset of the bytes about to be sent.
func (s *Session) markBegin(at int) {
	if !s.pongs.send || s.out.mark.set {
		return
	}
	op := s.out.writer.op
	if w := s.out.stream.Load(); !op.Valid() && w != nil {
		op = w.write.op // its buffered bytes are flushed with another frame
	}
	if sc := op.SpanContext(); sc.IsSampled() {
		s.out.mark = mark{at, tracepong.Pong{Number: uint32(s.out.count + 1), Write: sc}, op, true}
	}
}

// pieces are buffers for a trace pong and the bytes around it, which leave in one
// write. They are shared, so that an idle connection holds none.
var pieces = sync.Pool{New: func() any { return new([]byte) }}

// maxPiece is the maximum size of a pooled buffer, in bytes. The libraries' own buffers
// have 4,096 by default.
const maxPiece = 64 << 10

// writeWithPong writes p with pong at the given offset, in one Write. It returns how much
// of p was written.
func writeWithPong(w io.Writer, p []byte, at int, pong tracepong.Pong, masked bool) (int, error) {
	piece := pieces.Get().(*[]byte)
	b := append((*piece)[:0], p[:at]...)
	b = tracepong.Append(b, pong, masked)
	size := len(b) - at
	b = append(b, p[at:]...)

	n, err := w.Write(b)

	if cap(b) <= maxPiece {
		*piece = b
		pieces.Put(piece)
	}
	if n > at {
		n = max(at, n-size)
	}
	return n, err
}

// noteTracePong notes a trace pong of the peer. It precedes its message and has that
// message's number, so that an intermediary can make it useless but never wrong.
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
