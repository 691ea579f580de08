package session

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"slices"
	"time"
)

// maxHead limits how much of a handshake's HTTP is kept, in bytes: the default limit of
// net/http for a request.
const maxHead = 1 << 20

// opening is the handshake of a library that performs HTTP on the connection by itself.
// Until it ends, the bytes are not scanned as frames. Bytes before the first request,
// or between a proxy's response and the next request, may not be HTTP, such as those of
// SOCKS, and are ignored. Only the goroutine that performs the handshake uses it.
type opening struct {
	sent     []byte    // the client's last request or the server's response
	first    time.Time // before its first byte was sent; zero: not yet
	last     time.Time // after its last byte was sent
	received []byte    // the server's response
	dial     *Dial     // nil: this is a server
}

func appendHead(head, p []byte) []byte { return append(head, p[:min(len(p), maxHead-len(head))]...) }

// write sends what the library writes.
func (o *opening) write(below io.Writer, p []byte) (int, error) {
	if o.first.IsZero() {
		if len(p) == 0 || p[0] < 'A' || p[0] > 'Z' {
			return below.Write(p)
		}
		o.first, o.sent = time.Now(), nil
		if o.dial != nil {
			o.dial.steps.beginRequest()
		}
	}
	n, err := below.Write(p)
	o.last = time.Now()
	o.sent = appendHead(o.sent, p[:n])
	return n, err
}

// read receives for a client's library. The opening is over at the end of the response.
// Bytes behind that, which are frames, are returned as early, for the next read.
func (o *opening) read(below io.Reader, p []byte) (_ int, early []byte, over bool, _ error) {
	if o.first.IsZero() {
		n, err := below.Read(p)
		return n, nil, false, err
	}
	if len(o.received) == 0 {
		o.dial.steps.endRequest(nil)
	}
	n, err := below.Read(p)
	before := len(o.received)
	o.received = appendHead(o.received, p[:n])
	i := bytes.Index(o.received, []byte("\r\n\r\n"))
	if i < 0 {
		return n, nil, false, err
	}
	end := max(i+4-before, 0) // in p
	o.dial.steps.endResponse()
	resp := parseResponse(o.received)
	if resp == nil || resp.StatusCode != http.StatusSwitchingProtocols { // a proxy's, or a refusal
		o.received, o.first = nil, time.Time{}
		return n, nil, false, err
	}
	o.dial.confirm(resp)
	return end, slices.Clone(p[end:n]), true, nil // the next read returns an error again
}

// parseResponse parses the head of a response; nil: it is not one.
func parseResponse(head []byte) *http.Response {
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), nil)
	if err != nil {
		return nil
	}
	_ = resp.Body.Close()
	return resp
}

// parseRequest parses a request; nil: it is not one.
func parseRequest(head []byte) *http.Request {
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		return nil
	}
	return req
}
