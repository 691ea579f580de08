package sequence_test

import (
	"fmt"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/trace/sequence"
)

// A row stands for failures with the same type, check, code and text.
func TestUnlikeFailures(t *testing.T) {
	check := func(s string) attribute.KeyValue { return semconv.WebSocketHandshakeCheckKey.String(s) }
	for _, tt := range []struct {
		name    string
		each    []attribute.KeyValue // an attribute for each failure
		texts   []string             // the failures' descriptions
		folding string               // how many failures each row stands for
	}{
		{"alike", []attribute.KeyValue{check("sec-websocket-key"), check("sec-websocket-key"), check("sec-websocket-key")}, nil, "3"},
		{"checks", []attribute.KeyValue{check("sec-websocket-key"), check("sec-websocket-key"), check("sec-websocket-version")}, nil, "1 1 1"},
		{"many of one", []attribute.KeyValue{check("upgrade"), check("upgrade"), check("upgrade"), check("method")}, nil, "3 1"},
		{"codes", []attribute.KeyValue{semconv.WebSocketCloseCodeKey.Int(1008), semconv.WebSocketCloseCodeKey.Int(1008), semconv.WebSocketCloseCodeKey.Int(1011)}, nil, "1 1 1"},
		{"texts", make([]attribute.KeyValue, 3), []string{"no route", "no route", "no such host"}, "1 1 1"},
		{"ports", make([]attribute.KeyValue, 3), []string{"dial 127.0.0.1:4711: refused", "dial 127.0.0.1:4712: refused", "dial 127.0.0.1:80: refused"}, "3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var ss spans
			root := ss.add("server", "serve", -1, 0, 1000)
			for i, attr := range tt.each {
				s := ss.add("server", "attempt", root, float64(10*i), float64(10*i+1))
				if attr.Valid() {
					ss[s].Attributes = append(ss[s].Attributes, attr)
				}
				ss.fail(s, semconv.ErrorOther)
				if tt.texts != nil {
					ss[s].Status.Description = tt.texts[i]
				}
			}
			var counts []string
			for _, r := range sequence.New(chain.New(ss)).Rows {
				if r.Name == "attempt" {
					counts = append(counts, fmt.Sprint(r.Count))
				}
			}
			if got := strings.Join(counts, " "); got != tt.folding {
				t.Errorf("got rows of %s failures, want of %s", got, tt.folding)
			}
		})
	}
}
