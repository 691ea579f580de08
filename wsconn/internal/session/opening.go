package session

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"slices"
	"time"
)

// maxHead is how much of a handshake's HTTP is kept, in bytes: the default limit of
// net/http for a request.
const maxHead = 1 << 20

// opening is a handshake of a library that writes and reads HTTP on the wire by
// itself. What passes until its end is no frames. What passes before the first request,
// or after a proxy's answer and before the next request, is no HTTP, as the binary
// messages of a SOCKS proxy, and is left alone. It belongs to the goroutine that performs
// the handshake.
type opening struct {
	sent     []byte    // the client's last request or the server's answer
	first    time.Time // when the first byte of it was about to be sent; zero: none yet
	last     time.Time // when the last byte had been
	received []byte    // the server's answer
	dial     *Dial     // nil: of a server
}

func appendHead(head, p []byte) []byte { return append(head, p[:min(len(p), maxHead-len(head))]...) }

// write passes what the library sends on the connection below.
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

// read passes what a client's library receives from the connection below. The opening is
// over where the answer is: what was received behind it, which is frames, is early, for
// the next read.
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
	return end, slices.Clone(p[end:n]), true, nil // an error comes again
}

// parseResponse parses the head of a response; nil: it is none.
func parseResponse(head []byte) *http.Response {
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(head)), nil)
	if err != nil {
		return nil
	}
	_ = resp.Body.Close()
	return resp
}

// parseRequest is parseResponse for a request.
func parseRequest(head []byte) *http.Request {
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		return nil
	}
	return req
}
