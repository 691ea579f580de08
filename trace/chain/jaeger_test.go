package chain_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/chain"
)

const jaegerFull = `{"data":[{"traceID":"af7651916cd43dd8448eb211c80319c","spans":[
 {"traceID":"af7651916cd43dd8448eb211c80319c","spanID":"7ad6b7169203331","operationName":"read",
  "references":[
   {"refType":"CHILD_OF","traceID":"1","spanID":"2"},
   {"refType":"CHILD_OF","traceID":"af7651916cd43dd8448eb211c80319c","spanID":"00f067aa0ba902b7"},
   {"refType":"FOLLOWS_FROM","traceID":"af7651916cd43dd8448eb211c80319c","spanID":"2"}],
  "startTime":1700000000000001,"duration":500,
  "tags":[{"key":"span.kind","type":"string","value":"client"},{"key":"otel.scope.name","type":"string","value":"lib"},
   {"key":"otel.status_code","type":"string","value":"ERROR"},{"key":"otel.status_description","type":"string","value":"broken"},
   {"key":"error","type":"bool","value":true},
   {"key":"s","type":"string","value":"text"},{"key":"i","type":"int64","value":7},{"key":"j","type":"int64","value":"9007199254740993"},
   {"key":"f","type":"float64","value":0.5},{"key":"b","type":"bool","value":true},{"key":"bytes","type":"binary","value":"AQI="},
   {"key":"odd","type":"string","value":[1, 2]},{"key":"text","type":"bool","value":"true"},{"key":"none"}],
  "logs":[],"processID":"p1","warnings":null},
 {"traceID":"af7651916cd43dd8448eb211c80319c","spanID":"3","parentSpanID":"7ad6b7169203331","operationName":"old","startTime":1700000000000002,"duration":1,
  "process":{"serviceName":"inline"}}],
 "processes":{"p1":{"serviceName":"svc","tags":[{"key":"host.name","type":"string","value":"box"}]}},"warnings":null}],
 "total":0,"limit":0,"offset":0,"errors":null}`

func TestReadJaeger(t *testing.T) {
	t.Parallel()
	spans, _, err := chain.Read(strings.NewReader(jaegerFull))
	if err != nil || len(spans) != 2 {
		t.Fatalf("got %d spans, %v", len(spans), err)
	}
	s := spans[0]
	if s.TraceID.String() != "0af7651916cd43dd8448eb211c80319c" || s.SpanID.String() != "07ad6b7169203331" ||
		s.ParentID.String() != "00f067aa0ba902b7" || s.Name != "read" || s.Kind != oteltrace.SpanKindClient ||
		s.Service != "svc" || s.Scope != "lib" || s.Process() != "svc@box" ||
		s.Start.UnixMicro() != 1700000000000001 || s.Duration() != 500*time.Microsecond ||
		s.Status != (chain.Status{Code: codes.Error, Description: "broken"}) {
		t.Errorf("got %+v", s)
	}
	if len(s.Links) != 2 || s.Links[0].SpanContext.TraceID() == s.TraceID || s.Links[1].SpanContext.SpanID() != spanID(2) {
		t.Errorf("links: got %+v", s.Links)
	}
	var got strings.Builder
	for _, kv := range s.Attributes {
		fmt.Fprintf(&got, "%s %v %s\n", kv.Key, kv.Value.Type(), kv.Value.String())
	}
	golden(t, "jaeger_attributes.txt", got.String())
	if old := spans[1]; old.ParentID != s.SpanID || old.Service != "inline" {
		t.Errorf("got %+v", old)
	}
	if c := chain.New(spans); shape(c) != "read(old)" {
		t.Errorf("got %s", shape(c))
	}
}

func TestReadJaegerForms(t *testing.T) {
	t.Parallel()
	otlp := `"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"%s"}]}]}]`
	a, b := fmt.Sprintf(otlp, "a"), fmt.Sprintf(otlp, "b")
	for _, tt := range []struct{ name, in, want string }{
		{"nothing", "", ""},
		{"no trace", `{"data":null,"errors":null}`, ""},
		{"v3", `{"result":{` + a + `}}`, "a unspecified"},
		{"v3, in parts", `{"result":{` + a + `}}{"result":{` + b + `}}` + "\n", "a unspecified|b unspecified"},
		{"OTLP alone", `{` + a + `}`, "a unspecified"},
		{"traces", `{"data":[{"spans":[{"operationName":"a"}]},{"spans":[{"operationName":"b","processID":"gone"}]}]}`, "a unspecified|b unspecified"},
		{
			"a link is no parent", `{"data":[{"spans":[{"operationName":"a","traceID":"1","spanID":"2","references":[{"refType":"FOLLOWS_FROM","traceID":"1","spanID":"3"}]}]}]}`,
			"a unspecified 00000000000000000000000000000001 0000000000000002",
		},
		{
			"tags that are no fields", `{"data":[{"spans":[{"operationName":"a","tags":[{"key":"span.kind","type":"string","value":"odd"},{"key":"error","type":"bool","value":false},{"key":"otel.status_code","type":"string","value":"OK"},{"key":"otel.library.name","type":"string","value":"lib"}]}]}]}`,
			"a unspecified lib Ok",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			spans, _, err := chain.Read(strings.NewReader(tt.in))
			if got := briefs(spans); got != tt.want || err != nil {
				t.Errorf("got %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestReadDamagedJaeger(t *testing.T) {
	t.Parallel()
	good := `{"data":[{"spans":[{"operationName":"a"}]}]}` + "\n"
	span := func(fields string) string {
		return good + `{"data":[{"spans":[{"operationName":"b",` + fields + `}]}]}`
	}
	for _, tt := range []struct{ name, in, want string }{
		{"not found", good + `{"data":null,"errors":[{"code":404,"msg":"trace not found"}]}`, "the server says: trace not found"},
		{"not found, v3", good + `{"error":{"httpCode":404,"message":"No\ntraces"}}`, `the server says: No\ntraces`},
		{"HTML", good + "<html>", "1 lines are no JSON"},
		{"a bad id", span(`"traceID":"xyz"`), `span "b": "00000000000000000000000000000xyz" is no id of 16 bytes`},
		{"a long id", span(`"spanID":"12345678901234567"`), "is no id of 8 bytes"},
		{"a bad parent", span(`"parentSpanID":"x"`), "is no id of 8 bytes"},
		{"a bad reference", span(`"references":[{"spanID":"x"}]`), "reference: "},
		{"a bad time", span(`"startTime":"x"`), "is no 64-bit integer"},
		{"a bad duration", span(`"duration":"x"`), "is no 64-bit integer"},
		{"a bad tag", span(`"tags":[{"key":"k","type":"int64","value":"x"}]`), `tag "k": a number expected, not "x"`},
		{"a tag of another type", span(`"tags":[{"key":"k","type":"float64","value":{}}]`), `tag "k": a number expected`},
		{"a tag without a value", span(`"tags":[{"key":"k","type":"int64"}]`), `tag "k": `},
		{"bad bytes", span(`"tags":[{"key":"k","type":"binary","value":"?"}]`), `tag "k": no base64`},
		{"a bad process", span(`"process":{"tags":[{"key":"k","type":"binary","value":"?"}]}`), `tag "k": no base64`},
		{"a bad list of processes", good + `{"data":[{"processes":{"p":{"tags":[{"key":"k","type":"binary","value":"?"}]}}}]}`, `process "p": tag "k": no base64`},
		{"a bad result", good + `{"result":{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"b","traceId":"x"}]}]}]}}`, "is no id of 16 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			damaged(t, tt.in, tt.want)
		})
	}
}

func FuzzReadJaeger(f *testing.F) {
	f.Add([]byte(jaegerFull))
	f.Add([]byte(`{"result":` + otlpFull + `}{"error":{"message":"x"}}`))
	f.Fuzz(digest)
}
