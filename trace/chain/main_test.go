package chain_test

import (
	"encoding/binary"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// epoch is the start of all made-up traces.
var epoch = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

var traceID = oteltrace.TraceID{0: 0xA, 15: 1}

func spanID(n int) (id oteltrace.SpanID) {
	binary.BigEndian.PutUint64(id[:], uint64(n))
	return id
}

// script makes up spans. Their ids count from 1.
type script struct {
	spans   []chain.Span
	service string
	host    string
}

// add appends a span from start to end, in microseconds after epoch, and returns its id.
func (s *script) add(parent int, name string, start, end float64, attrs ...attribute.KeyValue) int {
	at := func(us float64) time.Time { return epoch.Add(time.Duration(us * float64(time.Microsecond))) }
	sp := chain.Span{
		TraceID: traceID, SpanID: spanID(len(s.spans) + 1), Name: name, Service: s.service, Scope: trace.ScopeName,
		Kind: oteltrace.SpanKindInternal, Start: at(start), End: at(end), Attributes: attrs,
	}
	if s.host != "" {
		sp.Resource = []attribute.KeyValue{attribute.String("host.name", s.host)}
	}
	if parent > 0 {
		sp.ParentID = spanID(parent)
	}
	s.spans = append(s.spans, sp)
	return len(s.spans)
}

func (s *script) at(id int) *chain.Span { return &s.spans[id-1] }

// end ends the span of a goroutine, in microseconds after epoch, and returns its id.
func (s *script) end(run int, end float64, attrs ...attribute.KeyValue) int {
	sp := s.at(run)
	sp.End = epoch.Add(time.Duration(end * float64(time.Microsecond)))
	sp.Attributes = append(sp.Attributes, attrs...)
	return run
}

func (s *script) link(from, to int) {
	t := s.at(to)
	s.at(from).Links = append(s.at(from).Links, chain.Link{SpanContext: t.SpanContext()})
}

func (s *script) fail(id int, kind, description string) {
	sp := s.at(id)
	sp.Status = chain.Status{Code: codes.Error, Description: description}
	if kind != "" {
		sp.Attributes = append(sp.Attributes, semconv.ErrorTypeKey.String(kind))
	}
}

// block appends a block and its wake that tile a span up to end.
func (s *script) block(op int, start, wake, end float64, reason semconv.Reason, cause semconv.Cause, by semconv.WakeReason) (int, int) {
	attrs := []attribute.KeyValue{
		semconv.BlockReasonKey.String(string(reason)), semconv.BlockSourceKey.String(string(semconv.SourcePoll)),
	}
	if cause != "" {
		attrs = append(attrs, semconv.BlockCauseKey.String(string(cause)))
	}
	b := s.add(op, semconv.SpanBlock, start, wake, attrs...)
	w := s.add(op, semconv.SpanWake, wake, end, semconv.WakeReasonKey.String(string(by)))
	return b, w
}

// golden compares got with a file in testdata, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it)\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}
