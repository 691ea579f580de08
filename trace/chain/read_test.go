package chain_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
)

// request returns an export of one span as JSON.
func request(name string) string {
	return `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"svc"}}]},"scopeSpans":[{"spans":[{"name":"` + name + `"}]}]}]}`
}

func gzipped(in string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, in)
	_ = w.Close()
	return b.String()
}

func zstded(t testing.TB, in string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return string(w.EncodeAll([]byte(in), nil))
}

func TestRead(t *testing.T) {
	t.Parallel()
	a, b := request("a"), request("b")
	ab := a + "\n" + b + "\n"
	batches := strings.Replace(a, "resourceSpans", "batches", 1)
	for _, tt := range []struct {
		name, in, want string
		report         chain.Report
	}{
		{"an array", "[" + a + ",\n" + b + "]", "a unspecified|b unspecified", chain.Report{Format: chain.FormatOTLP, Objects: 2}},
		{"an empty array", "[]", "", chain.Report{}},
		{"gzip", gzipped(ab), "a unspecified|b unspecified", chain.Report{Format: chain.FormatOTLP, Compression: "gzip", Objects: 2}},
		{"gzip in parts", gzipped(a) + gzipped(b), "a unspecified|b unspecified", chain.Report{Format: chain.FormatOTLP, Compression: "gzip", Objects: 2}},
		{"zstd", zstded(t, ab), "a unspecified|b unspecified", chain.Report{Format: chain.FormatOTLP, Compression: "zstd", Objects: 2}},
		{"zstd in parts, one to skip", "\x50\x2a\x4d\x18\x01\x00\x00\x00x" + zstded(t, a) + zstded(t, b), "a unspecified|b unspecified", chain.Report{Format: chain.FormatOTLP, Compression: "zstd", Objects: 2}},
		{"zstd in gzip", gzipped(zstded(t, ab)), "a unspecified|b unspecified", chain.Report{Format: chain.FormatOTLP, Compression: "zstd", Objects: 2}},
		{"Tempo's batches", batches, "a unspecified", chain.Report{Format: chain.FormatTempo, Objects: 1}},
		{"Tempo's trace", `{"trace":` + a + `,"metrics":{"x":1},"status":"COMPLETE"}`, "a unspecified", chain.Report{Format: chain.FormatTempo, Objects: 1}},
		{"a trace of Jaeger alone", `{"traceID":"1","spans":[{"operationName":"a"}],"processes":{}}`, "a unspecified", chain.Report{Format: chain.FormatJaeger, Objects: 1}},
		{"the resource behind", `{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a"}],"scope":{"name":"lib"}}],"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"svc"}}]}}]}`, "a unspecified lib", chain.Report{Format: chain.FormatOTLP, Objects: 1}},
		{"lines of a log between", "[INFO] starting\n" + a + "\nlistening\n" + b, "a unspecified|b unspecified", chain.Report{
			Format: chain.FormatOTLP, Objects: 2,
			Warnings: []chain.Warning{{Line: 1, Text: "2 lines are no JSON and were left out, the first is line 1"}},
		}},
		{"JSON of a log between", `{"level":"INFO","msg":"x","error":"y","data":{},"trace":"1"}` + "\n" + a, "a unspecified", chain.Report{Format: chain.FormatOTLP, Objects: 2}},
		{"a line cut off, and another one", request("a") + "\n" + b[:40] + "\n" + request("c"), "a unspecified|c unspecified", chain.Report{
			Format: chain.FormatOTLP, Objects: 2,
			Warnings: []chain.Warning{{Line: 2, Bytes: 41, Text: `line 2 is damaged (a control character '\n' in a text): 41 bytes were left out`}},
		}},
		{"a line cut off before a span", a + "\n" + `{"resourceSpans":[{"scopeSpans":[{"spans":[` + "\n" + b + "\n" + request("c"), "a unspecified|c unspecified", chain.Report{
			Format: chain.FormatOTLP, Objects: 2,
			Warnings: []chain.Warning{{Line: 3, Bytes: 44 + int64(len(b)) + 1, Text: fmt.Sprintf("line 3 is damaged (an export inside of a span): %d bytes were left out", 44+len(b)+1)}},
		}},
		{"zeros where it crashed", a + "\n\x00\x00\x00", "a unspecified", chain.Report{
			Format: chain.FormatOTLP, Objects: 1,
			Warnings: []chain.Warning{{Line: 2, Bytes: 3, Text: "line 2 is damaged (a zero byte): 3 bytes were left out"}},
		}},
		{"an array without an end", "[" + a + ",", "a unspecified", chain.Report{
			Format: chain.FormatOTLP, Objects: 1,
			Warnings: []chain.Warning{{CutOff: true, Line: 1, Text: "cut off, or still being written: the list of objects has no end"}},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, r := range []io.Reader{strings.NewReader(tt.in), iotest.OneByteReader(strings.NewReader(tt.in))} {
				spans, report, err := chain.Read(r)
				if got := briefs(spans); got != tt.want || err != nil {
					t.Errorf("got %q, %v, want %q", got, err, tt.want)
				}
				want := tt.report
				want.Bytes, want.Spans = int64(len(tt.in)), len(spans)
				if !reflect.DeepEqual(report, want) {
					t.Errorf("got report %+v, want %+v", report, want)
				}
				for _, s := range spans {
					if strings.Contains(tt.in, "svc") && s.Service != "svc" {
						t.Errorf("service %q of %s", s.Service, s.Name)
					}
				}
			}
		})
	}
}

// Sources of all formats are cut at each byte. Spans before the cut are read, and a
// warning reports the rest.
func TestReadCutOff(t *testing.T) {
	t.Parallel()
	line := request("a") + "\n"
	two := strings.Replace(request("b"), `{"name":"b"}`, `{"name":"b"},{"name":"c"}`, 1)
	for name, in := range map[string]string{
		"OTLP":   line + two,
		"Jaeger": line + `{"data":[{"spans":[{"operationName":"b","processID":"p"},{"operationName":"c","processID":"p"}],"processes":{"p":{"serviceName":"svc"}}}]}`,
		"Tempo":  line + strings.Replace(two, "resourceSpans", "batches", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for n := len(line) + 1; n < len(in); n++ {
				spans, report, err := chain.Read(strings.NewReader(in[:n]))
				if err != nil {
					t.Fatalf("%s: %v", in[:n], err)
				}
				want := 1
				for _, last := range []string{"b", "c"} {
					if at := strings.Index(in, `"`+last+`"`); at+strings.Index(in[at:], "}") < n {
						want++
					}
				}
				if len(spans) != want || len(report.Warnings) != 1 || !report.Warnings[0].CutOff {
					t.Fatalf("%s: got %q, %+v, want %d spans", in[:n], briefs(spans), report, want)
				}
				if w := report.Warnings[0]; w.Line != 2 || w.Bytes < 0 || w.Bytes > int64(n-len(line)) || (want > 1) != strings.Contains(w.Text, "whole spans") {
					t.Fatalf("%s: %+v", in[:n], w)
				}
			}
		})
	}
	for how, in := range map[string]string{"gzip": gzipped(line + two), "zstd": zstded(t, line+two)} {
		for n := range len(in) {
			spans, report, err := chain.Read(strings.NewReader(in[:n]))
			if n > 4 && (len(spans) == 0) != (err != nil) || len(spans) > 0 && len(report.Warnings) != 1 {
				t.Fatalf("%d bytes of %s: got %d spans, %+v, %v", n, how, len(spans), report, err)
			}
		}
	}
}

// stub returns a span with every field of the SDK's.
func stub() tracetest.SpanStub {
	state, _ := oteltrace.ParseTraceState("a=b")
	at := time.Date(2026, 1, 2, 3, 4, 5, 1234567, time.UTC)
	return tracetest.SpanStub{
		Name: "read", SpanKind: oteltrace.SpanKindClient, StartTime: at, EndTime: at.Add(500),
		SpanContext: oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: traceID, SpanID: spanID(2), TraceFlags: 1}),
		Parent:      oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: traceID, SpanID: spanID(1)}),
		Attributes: []attribute.KeyValue{
			attribute.String("s", "text \"quoted\" \u2028 \x01"), attribute.Bool("b", true), attribute.Int64("i", 1<<62+1), attribute.Float64("f", 0.5),
			attribute.StringSlice("strings", []string{"x", "y"}), attribute.BoolSlice("bools", []bool{false}),
			attribute.Int64Slice("ints", []int64{1, 2}), attribute.Float64Slice("floats", []float64{1.5}),
			{Key: "bytes", Value: attribute.ByteSliceValue([]byte{1, 2})},
			{Key: "mixed", Value: attribute.SliceValue(attribute.IntValue(1), attribute.StringValue("x"))},
			{Key: "map", Value: attribute.MapValue(attribute.Int("k", 1))},
			{Key: "empty"},
		},
		Links: []sdktrace.Link{{
			SpanContext: oteltrace.NewSpanContext(oteltrace.SpanContextConfig{TraceID: traceID, SpanID: spanID(3), TraceFlags: 1, TraceState: state}),
			Attributes:  []attribute.KeyValue{attribute.Bool("l", true)},
		}},
		Status:   sdktrace.Status{Code: codes.Error, Description: "broken"},
		Resource: resource.NewSchemaless(attribute.String("service.name", "svc")),
	}
}

// The output of the SDK's exporter to standard output can be read, indented or not.
func TestReadStdout(t *testing.T) {
	t.Parallel()
	stubs := tracetest.SpanStubs{stub(), {Name: "bare"}}
	stubs[0].InstrumentationScope.Name = "lib"
	want := chain.FromSpans(stubs.Snapshots())
	for _, indent := range []string{"", "\t"} {
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetIndent("", indent)
		for i := range stubs {
			if err := e.Encode(&stubs[i]); err != nil {
				t.Fatal(err)
			}
			b.WriteString("time=12:00 level=INFO msg=\"a log line\"\n")
		}
		spans, report, err := chain.Read(strings.NewReader(b.String()))
		if err != nil || report.Format != chain.FormatStdout || report.Objects != 2 || len(report.Warnings) != 1 {
			t.Fatalf("got %+v, %v", report, err)
		}
		equalSpans(t, spans, want)
	}
}

// A value that does not match its type is an error, and no part of it is used.
func TestReadStdoutValues(t *testing.T) {
	t.Parallel()
	for value, ok := range map[string]bool{
		`{"Type":"BYTESLICE","Value":"AQI="}`: true,
		`{"Type":"BYTESLICE","Value":"?"}`:    false,
		`{"Type":"INT64","Value":"x"}`:        false,
		`{"Type":"BOOLSLICE","Value":[1]}`:    false,
	} {
		in := `{"Name":"a","SpanContext":{"TraceID":"0af7651916cd43dd8448eb211c80319c","SpanID":"b7ad6b7169203331"},` +
			`"StartTime":"2026-01-02T03:04:05.6Z","EndTime":"2026-01-02T03:04:06Z","Attributes":[{"Key":"k","Value":` + value + `}]}`
		spans, report, err := chain.Read(strings.NewReader(in))
		if got := err == nil && len(spans) == 1 && len(report.Warnings) == 0; got != ok {
			t.Errorf("%s: got %d spans, %+v, %v", value, len(spans), report, err)
		}
		if ok && spans[0].Attributes[0].Value.String() != attribute.ByteSliceValue([]byte{1, 2}).String() {
			t.Errorf("%s: got %v", value, spans[0].Attributes)
		}
	}
}

// equalSpans compares spans, and ignores the time zone of their times.
func equalSpans(t *testing.T, got, want []chain.Span) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d spans, want %d", len(got), len(want))
	}
	for i := range got {
		g, w := got[i], want[i]
		if !g.Start.Equal(w.Start) || !g.End.Equal(w.End) {
			t.Errorf("%s: from %v to %v, want %v to %v", w.Name, g.Start, g.End, w.Start, w.End)
		}
		g.Start, g.End = w.Start, w.End
		if a, b := fmt.Sprintf("%+v", g), fmt.Sprintf("%+v", w); a != b {
			t.Errorf("got  %s\nwant %s", a, b)
		}
	}
}

func TestReadWhatIsNoSpans(t *testing.T) {
	t.Parallel()
	otlp := "\x0a\x90\x03\x0a\x20\x0a\x1e\x0a\x0cservice.name\x12\x0e\x0a\x0csocket_start"
	for _, tt := range []struct{ name, in, want string }{
		{"protobuf", otlp, "this looks like OTLP in protobuf: have the exporter write JSON"},
		{"protobuf of the file exporter", string(binary.BigEndian.AppendUint32(nil, uint32(len(otlp)))) + otlp, "as the collector's file exporter writes it: set format: json"},
		{"protobuf, compressed", gzipped(otlp), "OTLP in protobuf"},
		{"a profile", gzipped("\x0a\x04\x08\x01\x10\x02\x0a\x04\x08\x03\x10\x04"), "a profile of pprof: see go tool pprof"},
		{"a Go trace", "go 1.26 trace\x00\x00\x00\x01", "this looks like an execution trace of Go: go tool trace shows it"},
		{"Parquet", "PAR1\x15\x04", "in which Tempo keeps its blocks: ask Tempo's API"},
		{"a web page", "<!doctype html>", "HTML or XML, such as a web page: save what the server's API answers"},
		{"UTF-16", "\xff\xfe{\x00", "text in UTF-16: convert it"},
		{"binary", "\x01\x02\x03\xff", "binary data of an unknown kind"},
		{"text", "spans, \x1b[31mplease\n", `text (spans, \x1b[31mplease): give spans as OTLP/JSON`},
		{"a dump", "goroutine 1 [running]:\n", "a dump of goroutines"},
		{"Chrome's", `{"traceEvents":[]}`, "a trace in Chrome's format"},
		{"Zipkin's", `[{"traceId":"1","id":"2","localEndpoint":{}}]`, "Zipkin's JSON"},
		{"logs", `{"resourceLogs":[{}]}`, "OTLP/JSON of another signal"},
		{"a search", `{"traces":[{"traceID":"1"}],"metrics":{}}`, "what Tempo's search answers"},
		{"other JSON", `{"a":1,"b\n":[2],"c":3,"d":4}`, `JSON of another kind, with a, b\n, c: give spans as OTLP/JSON`},
		{"compressed again and again", gzipped(gzipped(gzipped(gzipped(request("a"))))), "data compressed more than 3 times"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			spans, _, err := chain.Read(strings.NewReader(tt.in))
			var format *chain.FormatError
			if !errors.As(err, &format) || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "\n") || len(spans) > 0 {
				t.Errorf("got %d spans, %v, want %q", len(spans), err, tt.want)
			}
		})
	}
}

func TestReadGoTraceByADecoder(t *testing.T) {
	t.Parallel()
	in := "go 1.26 trace\x00\x00\x00the rest"
	var got []byte
	decode := func(r io.Reader) (spans []chain.Span, err error) {
		got, err = io.ReadAll(r)
		return []chain.Span{{Name: "a"}}, err
	}
	spans, report, err := chain.Read(strings.NewReader(gzipped(in)), chain.WithDecoder(chain.FormatGoTrace, decode))
	if err != nil || string(got) != in || len(spans) != 1 || report.Spans != 1 || report.Format != chain.FormatGoTrace {
		t.Errorf("decoded %q, got %+v, %+v, %v", got, spans, report, err)
	}
	var format *chain.FormatError
	if _, report, err := chain.Read(strings.NewReader(in)); !errors.As(err, &format) || format.Format != chain.FormatGoTrace || report.Format != chain.FormatGoTrace {
		t.Errorf("without one: %+v, %v", report, err)
	}
}

func TestReadPassesErrorsOn(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, in := range []string{"", "{", request("a"), request("a") + "{", gzipped(request("a"))[:20]} {
		_, _, err := chain.Read(io.MultiReader(strings.NewReader(in), iotest.ErrReader(broken)))
		if !errors.Is(err, broken) {
			t.Errorf("after %q: got %v", in, err)
		}
	}
	if _, _, err := chain.Read(strings.NewReader("{")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

// A source that sends no more is given up when the context ends.
func TestReadCanceled(t *testing.T) {
	t.Parallel()
	r, w := io.Pipe()
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	go func() {
		// Read asks for more once it has read this first part.
		_, _ = io.WriteString(w, strings.Repeat(request("a")+"\n", 10)+strings.Repeat(" ", 1<<20))
		cancel(enough)
	}()
	spans, report, err := chain.Read(r, chain.WithContext(ctx))
	if !errors.Is(err, enough) || len(spans) != 10 || report.Spans != 10 {
		t.Errorf("got %d spans, %+v, %v", len(spans), report, err)
	}
	_ = w.Close() // ends the call that still waits for input
	whole, _, err := chain.Read(strings.NewReader(request("a")), chain.WithContext(t.Context()), nil)
	if len(whole) != 1 || err != nil {
		t.Errorf("a context that is not done: %d spans, %v", len(whole), err)
	}
}

func TestReadTellsProgress(t *testing.T) {
	t.Parallel()
	in := strings.Repeat(request("a")+"\n", 30_000)
	var all []chain.Progress
	spans, _, err := chain.Read(strings.NewReader(in), chain.WithProgress(func(p chain.Progress) { all = append(all, p) }))
	if err != nil || len(spans) != 30_000 {
		t.Fatalf("%d spans, %v", len(spans), err)
	}
	if n := len(in) >> 20; len(all) < n-1 || len(all) > n+1 {
		t.Errorf("told %d times for %d MB", len(all), n)
	}
	for i, p := range all {
		if i > 0 && (p.Bytes <= all[i-1].Bytes || p.Spans < all[i-1].Spans) || p.Bytes > int64(len(in)) {
			t.Errorf("progress %+v", all)
		}
	}
}

func TestReadIsLimited(t *testing.T) {
	t.Parallel()
	in := strings.Repeat(request("a")+"\n", 3)
	for n, want := range map[int]string{2: "there are more than 2 spans: those from line 3 on were left out", 3: "", 0: "", -1: ""} {
		spans, report, err := chain.Read(strings.NewReader(in), chain.WithMaxSpans(n))
		if err != nil || n == 2 && (len(spans) != 2 || len(report.Warnings) != 1 || report.Warnings[0].Text != want) || n != 2 && (len(spans) != 3 || len(report.Warnings) > 0) {
			t.Errorf("at most %d: got %d spans, %+v, %v", n, len(spans), report, err)
		}
	}
	// Two sources, each read with its own limit.
	var c chain.Collection
	for range 2 {
		if report, err := c.Read(strings.NewReader(in), chain.WithMaxSpans(2)); err != nil || report.Spans != 2 {
			t.Errorf("got %+v, %v", report, err)
		}
	}
	if c.Len() != 4 {
		t.Errorf("got %d spans", c.Len())
	}
}

// The exports of the diagrams' programs can be read.
func TestReadScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "sequence", "testdata", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		spans, report, err := chain.Read(bytes.NewReader(b))
		if want := bytes.Count(b, []byte(`"startTimeUnixNano"`)); err != nil || len(spans) != want || len(report.Warnings) > 0 {
			t.Errorf("%s: got %d spans, %+v, %v, want %d", name, len(spans), report, err, want)
		}
	}
}

// FuzzRead is seeded with sources of all formats, and with text of no format.
func FuzzRead(f *testing.F) {
	for _, in := range []string{
		"[" + request("a") + "]", gzipped(request("a")), zstded(f, request("a")), gzipped(zstded(f, request("a"))),
		`{"batches":[]}`, `{"trace":{}}`, "go 1.26 trace\x00\x00\x00", "\x0a\x90\x03\x0a\x20\x0a\x1e", "<html>", "[INFO] x\n" + request("a"),
		`{"Name":"a","SpanContext":{"TraceID":"0af7651916cd43dd8448eb211c80319c"},"StartTime":"2026-01-02T03:04:05.6Z","Attributes":[{"Key":"k","Value":{"Type":"MAP","Value":[]}}]}`,
	} {
		f.Add([]byte(in))
	}
	s := stub()
	if b, err := json.Marshal(&s); err == nil {
		f.Add(b)
	}
	f.Fuzz(digest)
}

// A source that is read in pieces gives the same wherever the pieces end, even between the
// name of a field and its value.
func TestReadPieces(t *testing.T) {
	t.Parallel()
	in := request("x")
	for cut := range in {
		spans, _, err := chain.Read(io.MultiReader(strings.NewReader(in[:cut]), strings.NewReader(in[cut:])))
		if err != nil || len(spans) != 1 || spans[0].Name != "x" || spans[0].Service != "svc" {
			t.Errorf("cut at %d: got %+v, %v", cut, spans, err)
		}
	}
	const piece = 64 << 10
	name := len(`{"resourceSpans":`)
	for before := piece - name - 1; before <= piece; before++ {
		spans, _, err := chain.Read(strings.NewReader(strings.Repeat(" ", before) + in[:name] + strings.Repeat(" ", 2*piece) + in[name:]))
		if err != nil || len(spans) != 1 || spans[0].Name != "x" || spans[0].Service != "svc" {
			t.Errorf("%d bytes before: got %+v, %v", before, spans, err)
		}
	}
}
