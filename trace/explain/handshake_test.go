package explain_test

import (
	"testing"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/trace/semconv"
)

// shake makes a handshake of hello, a goroutine of socket_get, with a server,
// and returns the ids of the goroutine and the handshake.
func (s *script) shake(start, end int) (hello, client int) {
	hello = s.as("socket_get").add(0, "hello", start, start, semconv.GoroutineNameKey.String("hello"))
	client = s.add(hello, semconv.SpanHandshake, start, end, semconv.ServerAddressKey.String("example.org"), semconv.ServerPortKey.Int(80))
	s.at(client).Kind = oteltrace.SpanKindClient
	return hello, client
}

// serve adds the server's part of a handshake.
func (s *script) serve(client, start, end int) int {
	h := s.as("socket_start").add(client, semconv.SpanHandshake, start, end)
	s.at(h).Kind = oteltrace.SpanKindServer
	return h
}

func TestHandshakes(t *testing.T) {
	t.Parallel()
	// forbid adds a handshake that is refused, on both sides.
	forbid := func(s *script, start int) {
		_, client := s.shake(start, start+5)
		s.fail(client, "403")
		s.set(client, semconv.HTTPResponseStatusCodeKey.Int(403), semconv.WebSocketHandshakeCheckKey.String("status"))
		server := s.fail(s.serve(client, start+1, start+2), "403")
		s.set(server, semconv.HTTPResponseStatusCodeKey.Int(403), semconv.WebSocketHandshakeCheckKey.String("origin"))
	}
	for _, tt := range []struct {
		name string
		make func(*script)
		want []string
	}{
		{"that went well", func(s *script) { s.connect() }, nil},
		{
			"refused by the server", func(s *script) { forbid(s, 0) },
			[]string{"warning handshake-refused ×1 5ms: socket_start refused a handshake: the check origin failed | " +
				"socket_start refused a handshake of socket_get's hello: the check origin failed (HTTP 403)."},
		},
		{
			"refused often", func(s *script) { forbid(s, 0); forbid(s, 10); forbid(s, 20) },
			[]string{"warning handshake-refused ×3 15ms: socket_start refused 3 handshakes: the check origin failed | " +
				"socket_start refused a handshake of socket_get's hello: the check origin failed (HTTP 403). They took 15 " +
				"ms in all."},
		},
		{"refused by a server whose client is not there", func(s *script) {
			s.set(s.fail(s.serve(0, 1, 2), "400"), semconv.WebSocketHandshakeCheckKey.String("upgrade"))
		}, []string{"warning handshake-refused ×1 1ms: socket_start refused a handshake: the check upgrade failed | It took 1 " +
			"ms."}},
		{
			"the server could not", func(s *script) { s.fail(s.serve(0, 1, 2), "boom") },
			[]string{"warning handshake-refused ×1 1ms: socket_start refused a handshake: boom | It took 1 ms."},
		},
		{"refused by the client", func(s *script) {
			_, client := s.shake(0, 5)
			s.fail(client, "404")
			s.set(client, semconv.HTTPResponseStatusCodeKey.Int(404), semconv.WebSocketHandshakeCheckKey.String("status"))
		}, []string{"warning handshake-refused ×1 5ms: socket_get's hello refused the answer to a handshake: the check status " +
			"failed | socket_get's hello refused the answer to its handshake with example.org:80: the check status " +
			"failed (HTTP 404)."}},
		{"nobody there", func(s *script) {
			_, client := s.shake(0, 5)
			s.fail(client, semconv.ErrorConnectionRefused)
			s.fail(s.add(client, semconv.StepConnect, 1, 4), semconv.ErrorConnectionRefused)
		}, []string{"warning handshake-refused ×1 5ms: A handshake of socket_get's hello failed in connect: " +
			"connection_refused | A handshake of socket_get's hello with example.org:80 failed in connect: " +
			"connection_refused."}},
		{"no answer", func(s *script) {
			_, client := s.shake(0, 5)
			s.at(s.fail(client, "")).Attributes = nil
			s.add(client, semconv.StepConnect, 1, 2)
			s.add(client, semconv.StepWriteHTTPRequest, 2, 3)
			s.add(client, semconv.SpanBlock, 3, 4)
		}, []string{"warning handshake-refused ×1 5ms: A handshake of socket_get's hello failed after write_http_request: the " +
			"trace does not say why | It took 5 ms."}},
		{"slow, and where", func(s *script) {
			_, client := s.shake(0, 1200)
			s.add(client, semconv.StepConnect, 1, 2)
			s.add(client, semconv.StepReadHTTPResponse, 10, 1190)
			s.add(s.serve(client, 20, 1150), semconv.StepProcessRequest, 20, 1100)
		}, []string{"warning handshake-slow ×1 1.2s: A handshake of socket_get's hello with example.org:80 took 1.2 s, most " +
			"in read_http_response | 1.18 s of that were in read_http_response; there socket_start took 1.13 s, most " +
			"in process_request."}},
		{"slow twice, in the same step", func(s *script) {
			for i := range 2 {
				_, client := s.shake(i*2000, i*2000+1200+i)
				s.add(client, semconv.StepDNS, i*2000, i*2000+1100)
			}
		}, []string{"warning handshake-slow ×2 2.401s: 2 handshakes of socket_get's hello with example.org:80 took 2.4 s, one " +
			"1.2 s, most in dns | 1.1 s of that were in dns."}},
		{
			"slow, and no step says why", func(s *script) { s.serve(0, 0, 1000) },
			[]string{"warning handshake-slow ×1 1s: A handshake of socket_start took 1 s | "},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var s script
			tt.make(&s)
			s.want(t, tt.want...)
		})
	}
}

func TestHandshakeAdvice(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, check := range []string{"origin", "status", "hijack", "upgrade", ""} {
		var s script
		h := s.fail(s.serve(0, 0, 1), "400")
		if check != "" {
			s.set(h, semconv.WebSocketHandshakeCheckKey.String(check))
		}
		advice := s.explain()[0].Advice
		if other, ok := seen[advice]; ok {
			t.Errorf("%q and %q: got the same advice, want one for each", check, other)
		}
		seen[advice] = check
	}
}
