package netpoll_test

import (
	"errors"
	"net"
	"testing"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
)

// reporter is a conn that reports a park of each call, and records its calls.
type reporter struct {
	net.Conn // nil: nothing else may be called
	calls    []string
	closedBy oteltrace.SpanContext
}

var errReporter = errors.New("reporter")

func (r *reporter) Read([]byte) (int, error) {
	r.calls = append(r.calls, "Read")
	return 1, errReporter
}

func (r *reporter) Write([]byte) (int, error) {
	r.calls = append(r.calls, "Write")
	return 2, errReporter
}

func (r *reporter) ReadFor(call netpoll.Call, _ []byte) (int, error) {
	r.calls = append(r.calls, "ReadFor")
	call.Park(netpoll.Park{Reason: semconv.ReasonNetRead})
	call.Wake(netpoll.Wake{Reason: semconv.WakeReadable})
	return 3, errReporter
}

func (r *reporter) WriteFor(call netpoll.Call, _ []byte) (int, error) {
	r.calls = append(r.calls, "WriteFor")
	call.Park(netpoll.Park{Reason: semconv.ReasonNetWrite})
	call.Wake(netpoll.Wake{Reason: semconv.WakePeerRead})
	return 4, errReporter
}

func (r *reporter) CloseFor(by oteltrace.SpanContext) error { r.closedBy = by; return errReporter }

// If there is an observer, the methods of a Reporter are called, and their results are
// returned. Nothing is timed.
func TestReporter(t *testing.T) {
	ctx, rec := record(t)
	r := &reporter{}
	c := netpoll.Wrap(r)
	read, write := start(ctx, c, semconv.ReasonNetRead), start(ctx, c, semconv.ReasonNetWrite)
	p := make([]byte, 8)
	for _, call := range []struct {
		name string
		f    func([]byte) (int, error)
		want int
	}{
		{"observed read", c.Read, 3},
		{"observed write", c.Write, 4},
	} {
		if n, err := call.f(p); n != call.want || err != errReporter {
			t.Errorf("%s: got %d, %v, want %d, %v", call.name, n, err, call.want, errReporter)
		}
	}
	c.TraceRead(trace.Op{})
	c.TraceWrite(trace.Op{})
	if n, err := c.Read(p); n != 1 || err != errReporter {
		t.Errorf("read: got %d, %v", n, err)
	}
	if n, err := c.Write(p); n != 2 || err != errReporter {
		t.Errorf("write: got %d, %v", n, err)
	}
	_, closer := trace.Start(ctx, semconv.SpanClose)
	c.CloseBy(closer.SpanContext())
	if err := c.Close(); err != errReporter || !r.closedBy.Equal(closer.SpanContext()) {
		t.Errorf("close: got %v for %v, want %v for %v", err, r.closedBy, errReporter, closer.SpanContext())
	}
	for _, op := range []trace.Op{read, write, closer} {
		op.End(nil)
	}
	wantEdges(t, rec, read, `
		read
			block {reason=net.read}
			wake {reason=readable}
	`)
	wantEdges(t, rec, write, `
		write
			block {reason=net.write}
			wake {reason=peer_read}
	`)
}
