package chain_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/wakechain/wakechain/trace/chain"
)

// A span with every field is written, and read as the same.
func TestWriteOTLP(t *testing.T) {
	t.Parallel()
	full := chain.FromSpans([]sdktrace.ReadOnlySpan{stub().Snapshot()})[0]
	full.Scope = "lib"
	odd := full
	odd.Name, odd.Service, odd.Resource, odd.Links = "odd \"\\\x00\x7f\u2028日", "another", nil, nil
	odd.Attributes = []attribute.KeyValue{
		attribute.Float64("nan", math.NaN()), attribute.Float64("inf", math.Inf(1)), attribute.Float64("-inf", math.Inf(-1)), attribute.Float64("f", 1e-300),
	}
	odd.Status.Code = 0
	spans := []chain.Span{full, {Name: "bare"}, odd, full, full}
	var b strings.Builder
	if err := chain.WriteOTLP(&b, spans); err != nil {
		t.Fatal(err)
	}
	if !json.Valid([]byte(b.String())) {
		t.Errorf("no JSON: %s", &b)
	}
	got, report, err := chain.Read(strings.NewReader(b.String()))
	if err != nil || report.Format != chain.FormatOTLP || report.Objects != 1 || len(report.Warnings) > 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	spans[2].Resource = []attribute.KeyValue{attribute.String("service.name", "another")}
	equalSpans(t, got, spans)
}

// Real spans are written, and read without a loss.
func TestWriteOTLPScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "sequence", "testdata", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		in, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want, _, err := chain.Read(bytes.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := chain.WriteOTLP(&b, want); err != nil {
			t.Fatal(err)
		}
		got, _, err := chain.Read(&b)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: not the same, %v", name, err)
		}
	}
}

func TestWriteOTLPInLines(t *testing.T) {
	t.Parallel()
	spans := make([]chain.Span, 1100)
	for i := range spans {
		spans[i].Name = fmt.Sprint(i)
	}
	var b bytes.Buffer
	if err := chain.WriteOTLP(&b, spans); err != nil || bytes.Count(b.Bytes(), []byte("\n")) != 3 {
		t.Errorf("%d lines, %v", bytes.Count(b.Bytes(), []byte("\n")), err)
	}
	got, _, err := chain.Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	equalSpans(t, got, spans)
	broken := errors.New("broken")
	r, w := io.Pipe()
	_ = r.CloseWithError(broken)
	if err := chain.WriteOTLP(w, spans); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if err := chain.WriteOTLP(io.Discard, nil); err != nil {
		t.Error(err)
	}
}

// FuzzWriteOTLP writes what it has read, and must read the same again.
func FuzzWriteOTLP(f *testing.F) {
	f.Add([]byte(otlpFull))
	f.Add([]byte(jaegerFull))
	f.Fuzz(func(t *testing.T, in []byte) {
		spans, _, _ := chain.Read(bytes.NewReader(in))
		var once, twice bytes.Buffer
		if err := chain.WriteOTLP(&once, spans); err != nil {
			t.Fatal(err)
		}
		first := once.String()
		again, report, err := chain.Read(&once)
		if err != nil || len(report.Warnings) > 0 || len(again) != len(spans) {
			t.Fatalf("%d of %d spans, %+v, %v: %s", len(again), len(spans), report, err, first)
		}
		if err := chain.WriteOTLP(&twice, again); err != nil || twice.String() != first {
			t.Errorf("got %s, then %s", first, &twice)
		}
	})
}
