package tracetest_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	oteltrace "go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// write is not named update, since that would also rewrite texts that are meant to fail.
var write = flag.Bool("write", false, "write the texts of the failures")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tb records the failures of a test, which ends at a Fatalf.
type tb struct {
	testing.TB
	failures []string
	cleanups []func()
}

type stopped struct{}

func (f *tb) Helper()             {}
func (f *tb) Logf(string, ...any) {}
func (f *tb) Cleanup(c func())    { f.cleanups = append(f.cleanups, c) }
func (f *tb) Errorf(format string, args ...any) {
	f.failures = append(f.failures, fmt.Sprintf(format, args...))
}

func (f *tb) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	panic(stopped{})
}

// failure runs do as a test, with its cleanups. It returns the failures; "" if there are
// none.
func failure(do func(testing.TB)) string {
	f := new(tb)
	func() {
		defer func() {
			if r := recover(); r != nil && r != any(stopped{}) {
				panic(r)
			}
		}()
		do(f)
	}()
	for _, c := range slices.Backward(f.cleanups) {
		c()
	}
	return strings.Join(f.failures, "\n")
}

// fails compares the failures of do with a file in testdata.
func fails(t *testing.T, name string, do func(testing.TB)) {
	t.Helper()
	got := failure(do)
	if got == "" {
		t.Errorf("%s: got no failure", name)
		return
	}
	got += "\n"
	path := filepath.Join("testdata", name+".txt")
	if *write {
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s\ngot\n%s\nwant\n%s", path, got, want)
	}
}

// passes checks that do does not fail.
func passes(t *testing.T, do func(testing.TB)) {
	t.Helper()
	if got := failure(do); got != "" {
		t.Errorf("got a failure, want none:\n%s", got)
	}
}

// script makes up spans. Ids count from 1, times are in milliseconds.
type script struct {
	spans   []chain.Span
	service string
}

func (s *script) add(parent int, name string, start, end int, attrs ...attribute.KeyValue) int {
	epoch := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	sp := chain.Span{
		TraceID: oteltrace.TraceID{1}, SpanID: spanID(len(s.spans) + 1), Name: name, Service: s.service,
		Kind:  oteltrace.SpanKindInternal,
		Start: epoch.Add(time.Duration(start) * time.Millisecond), End: epoch.Add(time.Duration(end) * time.Millisecond),
		Attributes: attrs,
	}
	if end < 0 {
		sp.End = time.Time{}
	}
	if parent > 0 {
		sp.ParentID = spanID(parent)
	}
	s.spans = append(s.spans, sp)
	return len(s.spans)
}

func spanID(n int) (id oteltrace.SpanID) {
	binary.BigEndian.PutUint64(id[:], uint64(n))
	return id
}

func (s *script) at(id int) *chain.Span { return &s.spans[id-1] }

func (s *script) link(from, to int) {
	s.at(from).Links = append(s.at(from).Links, chain.Link{SpanContext: s.at(to).SpanContext()})
}

func (s *script) chain() *chain.Chain { return chain.New(s.spans, chain.WithoutSkewCorrection()) }

// stall is the trace of a sender that blocks until its reader reads on.
func stall() *script {
	s := &script{service: "socket_get"}
	run := s.add(0, "go hello", 0, 0)
	s.add(run, "handshake", 0, 3, semconv.WebSocketRoleKey.String("client"))
	s.service = "socket_start"
	sen := s.add(run, "go sen_data", 3, 3)
	for i := range 3 {
		s.add(sen, "write", 10+i, 11+i, semconv.WebSocketMessageSizeKey.Int(13))
	}
	w := s.add(sen, "write", 20, 3020, semconv.WebSocketMessageSizeKey.Int(13))
	s.at(w).Status.Code = 1
	s.add(w, "block", 21, 3000, semconv.BlockReasonKey.String("net.write"), semconv.BlockCauseKey.String("peer_window"))
	k := s.add(w, "wake", 3000, 3020, semconv.WakeReasonKey.String("peer_read"))
	s.service = "socket_get"
	r := s.add(run, "read", 2990, 3021)
	s.link(k, r)
	return s
}

const stalled = `
	go hello [socket_get]
		handshake 3ms {websocket.role=client, !error.type}
		go sen_data [socket_start]
			write ×3 {websocket.message.size}
			write ~3s {status=error}
				block >=1s {block.reason=net.write, block.cause=peer_window}
				wake {wake.reason=peer_read} -> read
		read @~3s
`
