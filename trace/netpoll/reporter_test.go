package netpoll_test

import (
	"errors"
	"net"
	"testing"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
)

// reporter is a conn that says that each call parked, and what it was called for.
type reporter struct {
	net.Conn // nil: nothing else may be called
	calls    []string
	closedBy trace.Op
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

func (r *reporter) ReadFor(op trace.Op, _ []byte) (int, error) {
	r.calls = append(r.calls, "ReadFor")
	op.Block(semconv.ReasonNetRead)
	op.Wake(semconv.WakeReadable)
	return 3, errReporter
}

func (r *reporter) WriteFor(op trace.Op, _ []byte) (int, error) {
	r.calls = append(r.calls, "WriteFor")
	op.Block(semconv.ReasonNetWrite)
	op.Wake(semconv.WakePeerRead)
	return 4, errReporter
}

func (r *reporter) CloseFor(op trace.Op) error { r.closedBy = op; return errReporter }

// A conn that reports by itself is asked to where there is an observer, and its
// results are the caller's; nothing is timed.
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
	c.ObserveRead(trace.Op{})
	c.ObserveWrite(trace.Op{})
	if n, err := c.Read(p); n != 1 || err != errReporter {
		t.Errorf("read: got %d, %v", n, err)
	}
	if n, err := c.Write(p); n != 2 || err != errReporter {
		t.Errorf("write: got %d, %v", n, err)
	}
	_, closer := trace.Start(ctx, semconv.SpanClose)
	c.ObserveClose(closer)
	if err := c.Close(); err != errReporter || r.closedBy != closer {
		t.Errorf("close: got %v for %v, want %v for %v", err, r.closedBy, errReporter, closer)
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
