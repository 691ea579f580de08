package session

import (
	"context"
	"crypto/tls"
	"net"
	"net/http/httptrace"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"

	core "github.com/wakechain/wakechain/internal/op"
	"github.com/wakechain/wakechain/trace"
	"github.com/wakechain/wakechain/trace/netpoll"
	"github.com/wakechain/wakechain/trace/semconv"
)

// steps are the steps of a client's handshake that net/http/httptrace reports. Its
// hooks may be called concurrently, and also after the handshake: a dial that lost the
// race against another ends later.
type steps struct {
	mu   sync.Mutex
	open map[string]time.Time // by name, and by address for a connect
	done []step
	conn net.Conn // of the last request
	over bool
}

// step is a completed step.
type step struct {
	name       string
	start, end time.Time
	err        error
	attrs      []attribute.KeyValue
}

func (st *steps) begin(key string) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.open == nil {
		st.open = make(map[string]time.Time)
	}
	st.open[key] = time.Now()
}

func (st *steps) end(key, name string, err error, attrs ...attribute.KeyValue) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if start, ok := st.open[key]; ok && !st.over {
		delete(st.open, key)
		st.done = append(st.done, step{name, start, time.Now(), err, attrs})
	}
}

func (st *steps) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { st.begin(semconv.StepDNS) },
		DNSDone:  func(i httptrace.DNSDoneInfo) { st.end(semconv.StepDNS, semconv.StepDNS, i.Err) },
		ConnectStart: func(network, addr string) {
			st.begin(semconv.StepConnect + network + addr)
		},
		ConnectDone: func(network, addr string, err error) {
			st.end(semconv.StepConnect+network+addr, semconv.StepConnect, err,
				appendHostPort(nil, semconv.NetworkPeerAddressKey, semconv.NetworkPeerPortKey, addr)...)
		},
		TLSHandshakeStart: func() { st.begin(semconv.StepTLS) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			st.end(semconv.StepTLS, semconv.StepTLS, err)
		},
		GotConn: func(i httptrace.GotConnInfo) {
			st.mu.Lock()
			st.conn = i.Conn
			st.mu.Unlock()
			st.beginRequest()
		},
		WroteRequest: func(i httptrace.WroteRequestInfo) { st.endRequest(i.Err) },
	}
}

// beginRequest is called before a request is written, and endRequest after it.
func (st *steps) beginRequest() { st.begin(semconv.StepWriteHTTPRequest) }

func (st *steps) endRequest(err error) {
	st.end(semconv.StepWriteHTTPRequest, semconv.StepWriteHTTPRequest, err)
	st.begin(semconv.StepReadHTTPResponse)
}

// endResponse is called when the header of a response has been read.
func (st *steps) endResponse() {
	st.end(semconv.StepReadHTTPResponse, semconv.StepReadHTTPResponse, nil)
}

// observed returns the conn of the last request if netpoll observes its blocks, else
// nil.
func (st *steps) observed() *netpoll.Conn {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.conn == nil {
		return nil
	}
	return netpoll.Below(st.conn)
}

// record makes the spans of the completed steps, and ignores later calls of the hooks.
func (st *steps) record(ctx context.Context, t *trace.Tracer) {
	st.mu.Lock()
	st.over = true
	st.mu.Unlock()
	for _, s := range st.done {
		core.Of(t).Record(ctx, s.name, s.start, s.end, trace.ErrorType(s.err), s.err, s.attrs...)
	}
}

// addresses returns the addresses of the last request's connection.
func (st *steps) addresses() []attribute.KeyValue {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.conn == nil {
		return nil
	}
	return appendAddresses(nil, st.conn.RemoteAddr(), st.conn.LocalAddr())
}
