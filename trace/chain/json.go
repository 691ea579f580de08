package chain

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// values splits a stream into its top-level JSON objects, which may follow each
// other with or without line breaks, and knows their lines.
type values struct {
	r    *bufio.Reader
	buf  []byte
	line int // of the next byte
	at   int // of the value last returned
}

func newValues(r io.Reader) *values {
	return &values{r: bufio.NewReaderSize(r, 64<<10), line: 1}
}

// next returns the next object, valid until the call after, or io.EOF.
func (v *values) next() ([]byte, error) {
	if err := v.skip(); err != nil {
		return nil, err
	}
	v.buf, v.at = v.buf[:0], v.line
	var depth int
	var quoted, escaped bool
	for {
		c, err := v.r.ReadByte()
		if errors.Is(err, io.EOF) {
			return nil, io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		v.buf = append(v.buf, c)
		switch {
		case c == '\n':
			v.line++
			escaped = false
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			if depth--; depth == 0 {
				return v.buf, nil
			}
		}
	}
}

// skip leaves the reader at the beginning of an object.
func (v *values) skip() error {
	for {
		c, err := v.r.ReadByte()
		if err != nil {
			return err
		}
		switch c {
		case '\n':
			v.line++
		case ' ', '\t', '\r':
		case '{':
			return v.r.UnreadByte()
		case 0xEF: // a byte order mark
			if rest, err := v.r.Peek(2); err == nil && rest[0] == 0xBB && rest[1] == 0xBF {
				_, _ = v.r.Discard(2)
				continue
			}
			fallthrough
		default:
			v.at = v.line
			return fmt.Errorf("a JSON object expected, not %q", c)
		}
	}
}

// readAll decodes each object of r into a fresh document and hands it to use.
// Its error names the line.
func readAll[T any](format string, r io.Reader, use func(*T) error) error {
	v := newValues(r)
	for {
		raw, err := v.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		line := v.at
		if err == nil {
			doc := new(T)
			if err = json.Unmarshal(raw, doc); err == nil {
				err = use(doc)
			} else {
				line += bytes.Count(raw[:offsetOf(err, len(raw))], []byte("\n"))
			}
		}
		if err != nil {
			return fmt.Errorf("chain: %s: line %d: %w", format, line, err)
		}
	}
}

// offsetOf returns where in n bytes the decoder stopped.
func offsetOf(err error, n int) int {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return int(min(max(syntax.Offset-1, 0), int64(n)))
	case errors.As(err, &kind):
		return int(min(max(kind.Offset-1, 0), int64(n)))
	default:
		return 0
	}
}

// number is a JSON number or a string with one: JSON writers quote integers of
// 64 bits, as not every reader has them.
type number string

func (n *number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if len(b) > 1 && b[0] == '"' {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*n = number(strings.TrimSpace(s))
		return nil
	}
	if c := b[0]; c != '-' && (c < '0' || c > '9') {
		return fmt.Errorf("a number expected, not %.20q", b)
	}
	*n = number(b)
	return nil
}

// int64 returns the number as an integer, 0 if it is empty.
func (n number) int64() (int64, error) {
	if n == "" {
		return 0, nil
	}
	if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		return i, nil
	}
	// Some writers have but floats: 1.7e+18.
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil || !(f >= -1<<63 && f < 1<<63) {
		return 0, fmt.Errorf("%.40q is no 64-bit integer", string(n))
	}
	return int64(f), nil
}

// float64 returns the number as a float; NaN and the infinities are quoted.
func (n number) float64() (float64, error) {
	if n == "" {
		return 0, nil
	}
	f, err := strconv.ParseFloat(string(n), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%.40q is no number", string(n))
	}
	return f, nil
}

// word is an enumeration: a number, or a name such as SPAN_KIND_CLIENT.
type word string

func (w *word) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if len(b) > 1 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(w))
	}
	*w = word(b)
	return nil
}

// decodeID writes the id of a trace or span to dst: hexadecimal, or base64 as
// protobuf's JSON writes bytes. An empty text is the zero id.
func decodeID(dst []byte, s string) error {
	if s == "" {
		return nil
	}
	var raw []byte
	var err error
	if len(s) == hex.EncodedLen(len(dst)) {
		raw, err = hex.DecodeString(s)
	} else {
		raw, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
	}
	if err != nil || len(raw) != len(dst) {
		return fmt.Errorf("%.40q is no id of %d bytes", s, len(dst))
	}
	copy(dst, raw)
	return nil
}
