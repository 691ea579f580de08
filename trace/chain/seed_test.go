package chain_test

import (
	oteltrace "go.opentelemetry.io/otel/trace"

	"go.opentelemetry.io/otel/attribute"

	"github.com/wakechain/wakechain/trace/semconv"
)

// seed makes the story's spans. socket_get reads three messages and closes. socket_start
// writes until the peer's window is full; the close wakes it. Both run on one machine.
func seed() *script {
	s := &script{service: "socket_get", host: "box"}
	size := func(n int) attribute.KeyValue { return semconv.WebSocketMessageSizeKey.Int(n) }
	hello := s.add(0, "hello", 0, 8, semconv.GoroutineNameKey.String("hello"))
	s.end(hello, 2_990_000, semconv.GoroutineStateKey.String(string(semconv.StateFinished)))
	shake := s.add(hello, semconv.SpanHandshake, 25, 1925, semconv.WebSocketRoleKey.String("client"),
		semconv.ServerAddressKey.String("127.0.0.1"), semconv.ServerPortKey.Int(39121), semconv.HTTPResponseStatusCodeKey.Int(101))
	s.at(shake).Kind = oteltrace.SpanKindClient
	s.add(shake, semconv.StepConnect, 30, 340)
	s.add(shake, semconv.StepWriteHTTPRequest, 345, 389)
	answer := s.add(shake, semconv.StepReadHTTPResponse, 389, 1920)
	s.block(answer, 390, 1800, 1920, semconv.ReasonNetRead, "", semconv.WakeReadable)

	s.service = "socket_start"
	serve := s.add(shake, semconv.SpanHandshake, 1400, 1610, semconv.WebSocketRoleKey.String("server"), semconv.ClientAddressKey.String("127.0.0.1"))
	s.at(serve).Kind = oteltrace.SpanKindServer
	s.add(serve, semconv.StepReadHTTPRequest, 1401, 1450)
	s.add(serve, semconv.StepProcessRequest, 1450, 1500)
	s.add(serve, semconv.StepWriteHTTPResponse, 1500, 1605)
	sender := s.add(serve, "sen_data", 1612, 1618, semconv.GoroutineNameKey.String("sen_data"))
	sent := make([]int, 0, 312)
	at := 1700.0
	for i := range 312 {
		took := 5 + float64(i%7)
		w := s.add(sender, semconv.SpanWrite, at, at+took, size(13), semconv.WebSocketMessageIndexKey.Int(i+1))
		sent = append(sent, w)
		at += took + 1
	}
	last := s.add(sender, semconv.SpanWrite, at, 2_990_600, size(13))
	s.block(last, at+5, 2_990_587, 2_990_600, semconv.ReasonNetWrite, semconv.CausePeerWindow, semconv.WakePeerClosed)
	s.fail(last, "connection_reset", "write: connection reset by peer")
	s.end(sender, 2_990_640, semconv.GoroutineStateKey.String(string(semconv.StateFinished)),
		semconv.BlockCountKey.Int(1), semconv.BlockDurationKey.Float64(2.98))

	s.service = "socket_get"
	for i := range 3 {
		start := 1930 + float64(i)*995_000
		r := s.add(hello, semconv.SpanRead, start, start+40, size(13))
		_, wake := s.block(r, start+3, start+30, start+40, semconv.ReasonNetRead, "", semconv.WakeReadable)
		s.link(r, sent[i])
		s.link(wake, sent[i])
	}
	s.add(hello, semconv.SpanClose, 2_989_000, 2_989_900, semconv.WebSocketCloseCodeKey.Int(1000))
	return s
}
