package otlp

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"
)

const protobuf = "application/x-protobuf"

// maxResponse limits how much of a response is read, maxMessage how much of its message
// is kept, in bytes.
const (
	maxResponse = 64 << 10
	maxMessage  = 512
)

// PartialSuccess is passed to otel.Handle if a server rejected some of the spans, or
// sent a warning about them. Test for it with errors.As.
type PartialSuccess struct {
	Rejected int64  // spans
	Message  string // the server's, at most 512 bytes
}

// Error returns how many spans were rejected, and why.
func (p PartialSuccess) Error() string {
	if p.Rejected == 0 {
		return fmt.Sprintf("otlp: the server accepted all spans, with a warning: %q", p.Message)
	}
	return fmt.Sprintf("otlp: the server rejected %d spans: %q", p.Rejected, p.Message)
}

// readBody reads a response; whole: that is all of it.
func readBody(r io.Reader) (body []byte, whole bool, err error) {
	body, err = io.ReadAll(io.LimitReader(r, maxResponse+1))
	if len(body) > maxResponse {
		return body[:maxResponse], false, err
	}
	return body, true, err
}

// partialSuccess decodes an ExportTraceServiceResponse; the zero PartialSuccess means
// full success.
func partialSuccess(h http.Header, body []byte) (p PartialSuccess, err error) {
	switch mediaType(h) {
	case protobuf:
		_, inner, err := field(body, 1)
		if err != nil {
			return p, err
		}
		n, _, err := field(inner, 1)
		if err != nil {
			return p, err
		}
		_, message, _ := field(inner, 2) // body is valid: the fields before it were read
		return PartialSuccess{Rejected: int64(n), Message: short(string(message))}, nil
	case "application/json":
		var answer struct {
			PartialSuccess struct {
				RejectedSpans json.RawMessage `json:"rejectedSpans"` // protobuf's JSON has int64 as strings
				ErrorMessage  string          `json:"errorMessage"`
			} `json:"partialSuccess"`
		}
		if len(body) == 0 {
			return p, nil
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			return p, err
		}
		var rejected int64
		if n := strings.Trim(string(answer.PartialSuccess.RejectedSpans), `"`); n != "" && n != "null" {
			if rejected, err = strconv.ParseInt(n, 10, 64); err != nil {
				return p, err
			}
		}
		return PartialSuccess{Rejected: rejected, Message: short(answer.PartialSuccess.ErrorMessage)}, nil
	}
	return p, nil
}

// message returns a server's message about a request that it refused: a
// google.rpc.Status, or text. It is empty or begins with a colon.
func message(h http.Header, body []byte) string {
	text := string(body)
	if mediaType(h) == protobuf {
		_, m, err := field(body, 2)
		if err != nil {
			return ""
		}
		text = string(m)
	}
	if text = strings.TrimSpace(text); text == "" {
		return ""
	}
	return fmt.Sprintf(": %q", short(text))
}

func mediaType(h http.Header) string {
	t, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

// short shortens a text of the server to maxMessage bytes.
func short(s string) string {
	if len(s) > maxMessage {
		s = s[:maxMessage]
		for !utf8.ValidString(s) && len(s) > maxMessage-utf8.UTFMax {
			s = s[:len(s)-1]
		}
	}
	return s
}

var errDamaged = errors.New("not protobuf")

// field returns the value of a field of a protobuf message: its number, or its bytes.
// The last one of several counts; a missing field is zero.
func field(b []byte, number uint64) (n uint64, data []byte, err error) {
	for len(b) > 0 {
		key, size := binary.Uvarint(b)
		if size <= 0 || key>>3 == 0 {
			return 0, nil, errDamaged
		}
		b = b[size:]
		var v uint64
		var content []byte
		switch key & 7 {
		case 0:
			if v, size = binary.Uvarint(b); size <= 0 {
				return 0, nil, errDamaged
			}
			b = b[size:]
		case 1, 5:
			if size = 8; key&7 == 5 {
				size = 4
			}
			if len(b) < size {
				return 0, nil, errDamaged
			}
			b = b[size:]
		case 2:
			length, size := binary.Uvarint(b)
			if size <= 0 || length > uint64(len(b)-size) {
				return 0, nil, errDamaged
			}
			content, b = b[size:size+int(length)], b[size+int(length):]
		default:
			return 0, nil, errDamaged
		}
		if key>>3 == number {
			n, data = v, content
		}
	}
	return n, data, nil
}
