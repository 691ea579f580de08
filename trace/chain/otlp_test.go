package chain_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
)

const otlpFull = `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"svc"}}]},
 "scopeSpans":[{"scope":{"name":"lib","version":"1"},"spans":[{
  "traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","parentSpanId":"00f067aa0ba902b7",
  "name":"read","kind":3,"startTimeUnixNano":"1700000000000000001","endTimeUnixNano":1700000000000000501,"flags":257,
  "attributes":[
   {"key":"s","value":{"stringValue":"text"}},{"key":"b","value":{"boolValue":true}},
   {"key":"i","value":{"intValue":"9007199254740993"}},{"key":"j","value":{"intValue":-4}},
   {"key":"f","value":{"doubleValue":0.5}},{"key":"g","value":{"doubleValue":"Infinity"}},
   {"key":"bytes","value":{"bytesValue":"AQI="}},{"key":"empty","value":{}},{"key":"none"},
   {"key":"strings","value":{"arrayValue":{"values":[{"stringValue":"x"},{"stringValue":"y"}]}}},
   {"key":"bools","value":{"arrayValue":{"values":[{"boolValue":false}]}}},
   {"key":"ints","value":{"arrayValue":{"values":[{"intValue":"1"},{"intValue":2}]}}},
   {"key":"floats","value":{"arrayValue":{"values":[{"doubleValue":1.5}]}}},
   {"key":"mixed","value":{"arrayValue":{"values":[{"intValue":1},{"stringValue":"x"}]}}},
   {"key":"nothing","value":{"arrayValue":{}}},
   {"key":"map","value":{"kvlistValue":{"values":[{"key":"k","value":{"intValue":1}}]}}}],
  "links":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"00f067aa0ba902b7","traceState":"a=b","flags":1,
   "attributes":[{"key":"l","value":{"boolValue":true}}]}],
  "events":[{"name":"ignored"}],"status":{"code":2,"message":"broken"},"unknown":[{}]}]}]}]}`

func TestReadOTLP(t *testing.T) {
	t.Parallel()
	spans, _, err := chain.Read(strings.NewReader(otlpFull))
	if err != nil || len(spans) != 1 {
		t.Fatalf("got %d spans, %v", len(spans), err)
	}
	s := spans[0]
	res := []attribute.KeyValue{attribute.String("service.name", "svc")}
	if s.TraceID.String() != "0af7651916cd43dd8448eb211c80319c" || s.SpanID.String() != "b7ad6b7169203331" ||
		s.ParentID.String() != "00f067aa0ba902b7" || s.Name != "read" || s.Kind != oteltrace.SpanKindClient ||
		s.Service != "svc" || s.Scope != "lib" || !reflect.DeepEqual(s.Resource, res) ||
		s.Start.UnixNano() != 1700000000000000001 || s.Duration() != 500 ||
		s.Status != (chain.Status{Code: codes.Error, Description: "broken"}) {
		t.Errorf("got %+v", s)
	}
	var got strings.Builder
	for _, kv := range s.Attributes {
		fmt.Fprintf(&got, "%s %v %s\n", kv.Key, kv.Value.Type(), kv.Value.String())
	}
	golden(t, "otlp_attributes.txt", got.String())
	if len(s.Links) != 1 || s.Links[0].SpanContext.SpanID() != s.ParentID || !s.Links[0].SpanContext.IsSampled() ||
		s.Links[0].SpanContext.TraceState().Get("a") != "b" || len(s.Links[0].Attributes) != 1 {
		t.Errorf("links: got %+v", s.Links)
	}
}

func TestReadOTLPForms(t *testing.T) {
	t.Parallel()
	request := func(span string) string {
		return `{"resourceSpans":[{"scopeSpans":[{"spans":[` + span + `]}]}]}`
	}
	for _, tt := range []struct{ name, in, want string }{
		{"nothing", "", ""},
		{"blank lines", "\n \r\n\t", ""},
		{"an empty request", "{}", ""},
		{"nulls", `{"resourceSpans":null}{"resourceSpans":[{"resource":null,"scopeSpans":[{"scope":null,"spans":[{"name":"a","kind":null,"startTimeUnixNano":null,"links":null,"status":null}]}]}]}`, "a unspecified"},
		{"lines", request(`{"name":"a"}`) + "\n" + request(`{"name":"b"}`) + "\n", "a unspecified|b unspecified"},
		{"one after the other", request(`{"name":"a"}`) + request(`{"name":"b"}`), "a unspecified|b unspecified"},
		{"a byte order mark", "\xEF\xBB\xBF" + request(`{"name":"a"}`), "a unspecified"},
		{"names of kinds", request(`{"name":"a","kind":"SPAN_KIND_SERVER"},{"name":"b","kind":"SPAN_KIND_CLIENT"},{"name":"c","kind":"SPAN_KIND_PRODUCER"},{"name":"d","kind":"SPAN_KIND_CONSUMER"},{"name":"e","kind":"SPAN_KIND_INTERNAL"},{"name":"f","kind":"NEW"}`), "a server|b client|c producer|d consumer|e internal|f unspecified"},
		{"numbers of kinds", request(`{"name":"a","kind":2},{"name":"b","kind":"4"},{"name":"c","kind":5},{"name":"d","kind":1},{"name":"e","kind":99}`), "a server|b producer|c consumer|d internal|e unspecified"},
		{"base64 ids", request(`{"name":"a","traceId":"CvdlGRbNQ92ESOshHIAxnA==","spanId":"t61rcWkgMzE=","parentSpanId":"APBnqgupArc="}`), "a unspecified 0af7651916cd43dd8448eb211c80319c b7ad6b7169203331 00f067aa0ba902b7"},
		{"capital letters in ids", request(`{"name":"a","traceId":"0AF7651916CD43DD8448EB211C80319C","spanId":"B7AD6B7169203331"}`), "a unspecified 0af7651916cd43dd8448eb211c80319c b7ad6b7169203331"},
		{"floats for times", request(`{"name":"a","startTimeUnixNano":1.7e18}`), "a unspecified 2023-11-14T22:13:20Z"},
		{"no parent as zeros", request(`{"name":"a","parentSpanId":"0000000000000000"}`), "a unspecified"},
		{"status ok", request(`{"name":"a","status":{"code":"STATUS_CODE_OK"}},{"name":"b","status":{"code":"STATUS_CODE_ERROR"}},{"name":"c","status":{"code":1}}`), "a unspecified Ok|b unspecified Error|c unspecified Ok"},
		{"before OTLP 0.15", `{"resourceSpans":[{"instrumentationLibrarySpans":[{"instrumentationLibrary":{"name":"old"},"spans":[{"name":"a"}]}]}]}`, "a unspecified old"},
		{"logs between", `{"resourceLogs":[{}]}` + "\n" + request(`{"name":"a"}`), "a unspecified"},
		{"braces in text", request(`{"name":"a}\"{[\\"}`), `a}"{[\ unspecified`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, r := range []io.Reader{strings.NewReader(tt.in), iotest.OneByteReader(strings.NewReader(tt.in))} {
				spans, _, err := chain.Read(r)
				if got := briefs(spans); got != tt.want || err != nil {
					t.Errorf("got %q, %v, want %q", got, err, tt.want)
				}
			}
		})
	}
}

// briefs returns the fields of spans that the tests vary, as text.
func briefs(spans []chain.Span) string {
	var all []string
	for _, s := range spans {
		parts := []string{s.Name, s.Kind.String()}
		if s.TraceID.IsValid() {
			parts = append(parts, s.TraceID.String())
		}
		if s.SpanID.IsValid() {
			parts = append(parts, s.SpanID.String())
		}
		if s.ParentID.IsValid() {
			parts = append(parts, s.ParentID.String())
		}
		if s.Scope != "" {
			parts = append(parts, s.Scope)
		}
		if s.Status.Code != codes.Unset {
			parts = append(parts, s.Status.Code.String())
		}
		if !s.Start.IsZero() {
			parts = append(parts, s.Start.UTC().Format(time.RFC3339Nano))
		}
		all = append(all, strings.Join(parts, " "))
	}
	return strings.Join(all, "|")
}

// damaged reads a source with a part that is unreadable. It must give the span before
// that, "a", and a warning.
func damaged(t *testing.T, in, want string) {
	t.Helper()
	spans, report, err := chain.Read(strings.NewReader(in))
	if err != nil {
		t.Errorf("got error %v", err)
	}
	var all strings.Builder
	for _, w := range report.Warnings {
		fmt.Fprintln(&all, w)
	}
	if !strings.Contains(all.String(), want) {
		t.Errorf("got warnings %s, want %q", &all, want)
	}
	if len(spans) != 1 || spans[0].Name != "a" {
		t.Errorf("got %q, want the span before", briefs(spans))
	}
	// Without that span, the same text is the error.
	_, rest, _ := strings.Cut(in, "\n")
	if spans, _, err := chain.Read(strings.NewReader(rest)); err == nil || len(spans) > 0 {
		t.Errorf("alone: got %d spans, %v, want an error", len(spans), err)
	}
}

func TestReadDamagedOTLP(t *testing.T) {
	t.Parallel()
	good := `{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a"}]}]}]}` + "\n"
	span := func(fields string) string {
		return good + `{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"b",` + fields + `}]}]}]}`
	}
	for _, tt := range []struct{ name, in, want string }{
		{"no JSON", good + "\nhello", "1 lines are no JSON and were left out, the first is line 3"},
		{"cut off", good + `{"resourceSpans":[`, "cut off, or still being written: it ends in the middle of an object that begins in line 2, of which the last 18 bytes were left out"},
		{"cut off in text", good + `{"resourceLogs":"\`, "the last 18 bytes were left out"},
		{"broken in its third line", good + "{\n\"a\":1,\n\"b\":x}", `line 4 is damaged ("x" is no value): 15 bytes were left out`},
		{"a number that is a list", good + "{\n\"resourceSpans\":\n7}", "line 4 is damaged (an array expected, not '7')"},
		{"brackets that do not match", good + `{]`, "line 2 is damaged (the name of a field expected, not ']')"},
		{"a comma too many", good + `{"a":1,}`, "line 2 is damaged (another one expected, not '}')"},
		{"a control character", good + "{\"a\":\"\x01\"}", "a control character '\\x01' in a text"},
		{"no such escape", good + `{"a":"\x"}`, "'x' does not follow a backslash"},
		{"no end of values", good + `{"a":` + strings.Repeat("[", 2000), "more than 1000 values inside one another"},
		{"no end of arrays", span(`"attributes":[{"value":` + strings.Repeat(`{"arrayValue":{"values":[`, 101)), "more than 100 values inside one another"},
		{"a bad trace id", span(`"traceId":"xyz"`), `line 2: left out: span "b": "xyz" is no id of 16 bytes`},
		{"a bad span id", span(`"spanId":"b7ad6b716920333g"`), `"b7ad6b716920333g" is no id of 8 bytes`},
		{"a short parent id", span(`"parentSpanId":"b7ad"`), `"b7ad" is no id of 8 bytes`},
		{"a bad time", span(`"startTimeUnixNano":"soon"`), `"soon" is no 64-bit integer`},
		{"a time beyond", span(`"endTimeUnixNano":"99999999999999999999"`), `is no 64-bit integer`},
		{"a time that is an object", span(`"endTimeUnixNano":{}`), `a number expected, not "{}"`},
		{"a bad integer", span(`"attributes":[{"key":"k","value":{"intValue":"x"}}]`), `attribute "k": "x" is no 64-bit integer`},
		{"a bad float", span(`"attributes":[{"key":"k","value":{"doubleValue":"x"}}]`), `attribute "k": "x" is no number`},
		{"bad bytes", span(`"attributes":[{"key":"k","value":{"bytesValue":"?"}}]`), `attribute "k": illegal base64`},
		{"bad in an array", span(`"attributes":[{"key":"k","value":{"arrayValue":{"values":[{"intValue":"x"}]}}}]`), `attribute "k": "x" is no 64-bit integer`},
		{"a bad link", span(`"links":[{"traceId":"x"}]`), `span "b": link: "x" is no id of 16 bytes`},
		{"bad flags of a link", span(`"links":[{"flags":"x"}]`), `link: "x" is no 64-bit integer`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			damaged(t, tt.in, tt.want)
		})
	}
}

func FuzzReadOTLP(f *testing.F) {
	f.Add([]byte(otlpFull))
	f.Add([]byte("{}\n{\"resourceSpans\":[{}]}\n"))
	f.Fuzz(digest)
}

// digest reads in, and does everything with it that the package can.
func digest(t *testing.T, in []byte) {
	spans, report, err := chain.Read(bytes.NewReader(in))
	var format *chain.FormatError
	if err != nil && !errors.As(err, &format) && !strings.Contains(err.Error(), "line ") && !strings.Contains(err.Error(), "the server says") &&
		!strings.Contains(err.Error(), "cut off, or damaged") {
		t.Errorf("an error without a line: %v", err)
	}
	if err != nil && strings.ContainsFunc(err.Error(), func(r rune) bool { return r < ' ' }) {
		t.Errorf("not one line: %q", err)
	}
	if report.Spans != len(spans) || len(spans) > 0 && report.Format == "" || len(report.Warnings) > 11 {
		t.Errorf("%d spans, report %+v", len(spans), report)
	}
	for _, w := range report.Warnings {
		if w.Bytes < 0 || w.Text == "" || strings.ContainsFunc(w.Text, func(r rune) bool { return r < ' ' }) {
			t.Errorf("warning %+v", w)
		}
	}
	slow, slowly, _ := chain.Read(iotest.OneByteReader(bytes.NewReader(in)))
	slowly.Bytes = report.Bytes // fewer bytes, if these are enough to see which format it is not
	if len(slow) != len(spans) || !reflect.DeepEqual(slowly, report) {
		t.Errorf("byte by byte: %d spans, %+v; at once: %d, %+v", len(slow), slowly, len(spans), report)
	}
	c := chain.New(spans)
	if c.Len()+c.Repeats != len(spans) {
		t.Errorf("%d spans and %d repeats of %d", c.Len(), c.Repeats, len(spans))
	}
	checkChain(t, c, c.Len())
	text := c.String()
	for _, r := range text {
		if r != '\n' && (r < ' ' || r == 0x7F) {
			t.Errorf("control character %q in the tree", r)
		}
	}
	var b strings.Builder
	if err := c.WriteTree(&b, chain.WithASCII(), chain.WithoutFolding(), chain.WithWidth(60), chain.WithMaxLines(20)); err != nil {
		t.Error(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) > 20 {
		t.Errorf("%d lines", len(lines))
	}
	for _, l := range lines {
		if len(l) > 60 || strings.ContainsFunc(l, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("line %q", l)
		}
	}
}
