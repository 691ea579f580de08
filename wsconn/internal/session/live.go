package session

import (
	"net"
	"sync/atomic"
	"time"
	"weak"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/internal/live"
	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
)

// registration is the state that a connection keeps only for package live.
type registration struct {
	entry  live.Entry
	role   string
	serial int64
	began  time.Time
	peerID oteltrace.SpanID // the client's span, from its headers

	local, remote net.Addr // nil: not known
	cachedLabels  atomic.Pointer[labels]

	// Guarded by the session's mu.
	lastReader *trace.Task
	everRead   bool
	sent       int64 // bytes
	readBytes  int64 // received when the last read ended
	pong       time.Time

	// When the last read and write ended, since began. 0: none did, or the time is
	// being taken.
	lastRead, lastWrite atomic.Int64
}

// labels are the texts for a connection, made on first use.
type labels struct{ local, remote, peerID string }

func (l *registration) labels() *labels {
	t := l.cachedLabels.Load()
	if t == nil {
		t = new(labels)
		if l.local != nil && l.remote != nil {
			t.local, t.remote = l.local.String(), l.remote.String()
		}
		if l.peerID.IsValid() {
			t.peerID = l.peerID.String()
		}
		l.cachedLabels.Store(t)
	}
	return t
}

// locate notes the addresses of both ends.
func (l *registration) locate(conn *netpoll.Conn) {
	if conn == nil {
		return
	}
	if _, ok := conn.Conn.(stream); !ok { // which has none
		l.local, l.remote = conn.LocalAddr(), conn.RemoteAddr()
	}
}

// noteReader notes the goroutine that read. The caller holds s.mu.
func (l *registration) noteReader(op trace.Op) { l.everRead, l.lastReader = true, op.Task() }

// clearLastRead notes that the read op is about to end with err. setLastRead notes the
// time when it has ended; zero: it failed. The caller of clearLastRead holds s.mu.
func (l *registration) clearLastRead(s *Session, op trace.Op, err error) {
	switch {
	case err != nil:
	case op.Valid():
		l.readBytes = s.in.bytes
		l.lastRead.Store(0)
	case s.light != nil: // reads of a light connection are not timed
		l.readBytes = s.in.bytes
	}
}

func (l *registration) setLastRead(ended time.Time) {
	if !ended.IsZero() {
		l.lastRead.Store(int64(ended.Sub(l.began)))
	}
}

func (l *registration) setLastWrite(ended time.Time) {
	if !ended.IsZero() {
		l.lastWrite.Store(int64(ended.Sub(l.began)))
	}
}

// at converts a stored duration to a time.
func (l *registration) at(d int64) time.Time {
	if d == 0 {
		return time.Time{}
	}
	return l.began.Add(time.Duration(d))
}

var serials atomic.Int64

// register adds the connection to package live's list, until it closes or is
// unreachable. The caller holds s.mu.
func (s *Session) register() {
	s.live.began, s.live.serial = time.Now(), serials.Add(1)
	s.live.entry.AddWeak(s)
}

var _ live.Weakly = (*Session)(nil)

// Weak returns a function that returns s while it is reachable, and nil after that.
func (s *Session) Weak() func() live.Source {
	p := weak.Make(s)
	return func() live.Source {
		if s := p.Value(); s != nil {
			return s
		}
		return nil
	}
}

// Describe adds a description of what the connection does now to r.
func (s *Session) Describe(r *live.Report) {
	l := &s.live
	r.Connections = append(r.Connections, live.Connection{})
	c := &r.Connections[len(r.Connections)-1]
	c.Key, c.ID, c.Serial, c.Role, c.Sampled, c.Began = s, s.id.Value.AsString(), l.serial, l.role, s.recorded, l.began
	if s.recorded {
		c.Handshake = s.handshake.SpanContext()
	}
	called := l.labels()
	c.Local, c.Remote, c.PeerID = called.local, called.remote, called.peerID
	if s.conn != nil {
		c.Socket = s.conn.ParkedWrite(r)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.MessagesRead, c.MessagesWritten = s.in.count, s.out.count
	if s.out.sending && !s.out.answers && s.out.message.index > 0 {
		c.MessagesWritten-- // its last frame is on its way
	}
	c.BytesRead, c.BytesWritten = s.in.bytes, l.sent
	c.LastRead, c.LastWrite, c.LastPong = l.at(l.lastRead.Load()), l.at(l.lastWrite.Load()), l.pong
	c.PartRead = s.in.bytes != l.readBytes
	c.Reading, c.CloseRead = s.in.polling > 0, s.closing.ctx != nil
	c.EverRead = l.everRead || s.in.reader.inside()
	if l.lastReader != nil {
		c.LastReader = l.lastReader
	}
	if c.Reader = describe(r, s.in.reader); c.Reader != nil {
		c.Reader.InMessage = s.in.message.frames > 0
		if s.light != nil {
			s.light.in.describe(c.Reader, semconv.SpanRead)
		}
	}
	if c.Writer = describe(r, s.out.writer); s.light != nil {
		s.light.out.describe(c.Writer, semconv.SpanWrite)
	}
	c.WritesWaiting = s.writing.waiting
	if s.writing.held {
		c.Turn = s.holder(r, c.Writer)
	}
	if s.out.sending && s.out.last.Valid() {
		c.Frame = core.Ref(s.out.last).Describe(r)
	}
	for _, p := range s.out.controls {
		if p.waits && !p.sent.IsZero() {
			d := core.Ref(p.op).Describe(r)
			if d == nil {
				continue
			}
			d.Wait = &live.Wait{Op: core.Ref(p.op), Operation: semconv.SpanPing, Reason: string(semconv.ReasonPong), Since: p.sent, Span: p.op.SpanContext(), On: s}
			c.Pings = append(c.Pings, *d)
		}
	}
}

// holder describes the write that holds the write lock: writer or, if the program holds a
// Writer without being inside the library, that one's write.
func (s *Session) holder(r *live.Report, writer *live.Call) *live.Call {
	if writer != nil {
		return writer
	}
	if m := s.out.stream.Load(); m != nil && !m.over.Load() {
		return describe(r, m.write.call)
	}
	return nil
}

// describe describes a call that is inside the library. For a call that is not followed,
// the description only shows that there is one.
func describe(r *live.Report, c call) *live.Call {
	if !c.inside() {
		return nil
	}
	if d := core.Ref(c.op).Describe(r); d != nil {
		return d
	}
	return r.NewCall()
}

var _ live.Holder = (*Session)(nil)

// HoldCall reports whether op, an operation of the connection but of no task, is in a
// block that began at since. It does so under the lock that keeps op in use.
func (s *Session) HoldCall(op any, since time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, _ := op.(core.Ref)
	held := o.Valid() && (s.in.reader.op == trace.Op(o) || s.out.writer.op == trace.Op(o))
	return held && o.BlockedSince(since)
}
