package otlp_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/wakechain/wakechain/trace/lean/otlp"
)

const asProtobuf, asJSON = "application/x-protobuf", "application/json; charset=utf-8"

// A partial success or a warning goes to otel.Handle. The export has succeeded all the
// same.
func TestPartialSuccess(t *testing.T) {
	for _, c := range []struct {
		what, contentType, body string
		want                    otlp.PartialSuccess
		damaged                 bool
	}{
		{what: "full", contentType: asProtobuf},
		{what: "empty", contentType: asProtobuf, body: "\x0a\x00"},
		{what: "rejected", contentType: asProtobuf, body: "\x0a\x07\x08\xac\x02\x12\x02no", want: otlp.PartialSuccess{Rejected: 300, Message: "no"}},
		{what: "a warning", contentType: asProtobuf, body: "\x0a\x04\x12\x02hm", want: otlp.PartialSuccess{Message: "hm"}},
		{what: "fields of a later version", contentType: asProtobuf, body: "\x10\x05\x1d1234\x2112345678\x32\x01x\x0a\x02\x08\x01", want: otlp.PartialSuccess{Rejected: 1}},
		{what: "cut off", contentType: asProtobuf, body: "\x0a\x07\x08", damaged: true},
		{what: "cut off within", contentType: asProtobuf, body: "\x0a\x02\x08\xff", damaged: true},
		{what: "no field", contentType: asProtobuf, body: "\x00\x00", damaged: true},
		{what: "JSON", contentType: asJSON, body: `{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}}`, want: otlp.PartialSuccess{Rejected: 3, Message: "no"}},
		{what: "JSON with a number", contentType: asJSON, body: `{"partialSuccess":{"rejectedSpans":3}}`, want: otlp.PartialSuccess{Rejected: 3}},
		{what: "full JSON", contentType: asJSON, body: `{}`},
		{what: "empty JSON", contentType: asJSON},
		{what: "JSON with null", contentType: asJSON, body: `{"partialSuccess":null}`},
		{what: "damaged JSON", contentType: asJSON, body: `{"partialSuccess":{"rejectedSpans":"many"}}`, damaged: true},
		{what: "another type", contentType: "text/plain", body: "thank you"},
		{what: "no type", contentType: ";", body: "\x0a\x02\x08\x01"},
		{what: "long", contentType: asProtobuf, body: "\x0a\x83\x20\x12\x80\x20" + strings.Repeat("ü", 2048), want: otlp.PartialSuccess{Message: strings.Repeat("ü", 256)}},
	} {
		t.Run(c.what, func(t *testing.T) {
			errs := handled(t)
			srv := newServer(t, func(w http.ResponseWriter, _ int) {
				w.Header().Set("Content-Type", c.contentType)
				_, _ = w.Write([]byte(c.body))
			})
			if err := newExporter(t, otlp.WithEndpointURL(srv.URL)).ExportSpans(t.Context(), spans(1, "a")); err != nil {
				t.Error(err)
			}
			srv.one(t) // it is not sent again
			got := errs()
			var p otlp.PartialSuccess
			switch {
			case c.want == otlp.PartialSuccess{} && !c.damaged:
				if len(got) > 0 {
					t.Errorf("otel.Handle got %v, want nothing", got)
				}
			case len(got) != 1:
				t.Errorf("otel.Handle got %v, want one error", got)
			case c.damaged:
				if errors.As(got[0], &p) || !strings.Contains(got[0].Error(), "damaged") {
					t.Errorf("otel.Handle got %v", got)
				}
			case !errors.As(got[0], &p) || p != c.want:
				t.Errorf("got %+v, want %+v", got[0], c.want)
			}
		})
	}
}

func TestPartialSuccessError(t *testing.T) {
	for want, p := range map[string]otlp.PartialSuccess{
		`otlp: the server rejected 3 spans: "too\nold"`:                 {Rejected: 3, Message: "too\nold"},
		`otlp: the server accepted all spans, with a warning: "slowly"`: {Message: "slowly"},
	} {
		if got := p.Error(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// The error of a failure has the server's message: that of a google.rpc.Status, or text.
func TestFailureMessage(t *testing.T) {
	for _, c := range [][3]string{
		{asProtobuf, "\x08\x03\x12\x07no span", `: "no span"`},
		{asProtobuf, "no protobuf", ""},
		{asProtobuf, "", ""},
		{"text/html", "<p>" + strings.Repeat("x", 2000), `: "<p>` + strings.Repeat("x", 509) + `"`},
	} {
		srv := newServer(t, func(w http.ResponseWriter, _ int) {
			w.Header().Set("Content-Type", c[0])
			w.WriteHeader(400)
			_, _ = w.Write([]byte(c[1]))
		})
		err := newExporter(t, otlp.WithEndpointURL(srv.URL)).ExportSpans(t.Context(), spans(1, "a"))
		if err == nil || !strings.HasSuffix(err.Error(), "400 Bad Request"+c[2]) {
			t.Errorf("got %v, want %s", err, c[2])
		}
	}
}

// Whatever a server answers, an export neither panics nor hangs, and the errors for
// otel.Handle are bounded.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{"", "\x0a\x07\x08\xac\x02\x12\x02no", "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", `{"partialSuccess":{"rejectedSpans":"3"}}`, "\x08\x03\x12\x07no span"} {
		f.Add(200, asProtobuf, []byte(body))
		f.Add(400, asProtobuf, []byte(body))
		f.Add(200, asJSON, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		errs := handled(t)
		transport := roundTripper(func(r *http.Request) (*http.Response, error) {
			a := answer(r, status, http.Header{"Content-Type": {contentType}})
			a.Body = readCloser{strings.NewReader(string(body))}
			return a, nil
		})
		e := newExporter(t, otlp.WithHTTPClient(&http.Client{Transport: transport}), otlp.WithRetry(otlp.RetryConfig{}))
		err := e.ExportSpans(t.Context(), spans(1, "a"))
		if taken := status/100 == 2; taken != (err == nil) {
			t.Errorf("status %d: got %v", status, err)
		}
		for _, err := range append(errs(), err) {
			if err != nil && len(err.Error()) > 4*512+500 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		}
	})
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }
