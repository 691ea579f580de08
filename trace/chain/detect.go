package chain

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/wakechain/wakechain/internal/text"
)

// headSize is how many bytes at the beginning of a source are used to detect its format.
const headSize = 512

// Magic numbers of compressed sources.
const (
	magicGzip = "\x1f\x8b"
	magicZstd = "\x28\xb5\x2f\xfd"
)

// magics are the beginnings of sources that Read does not read, with what they look like
// and what to do instead.
var magics = []struct{ magic, looks, advice string }{
	{"PAR1", "a Parquet file, in which Tempo keeps its blocks", "ask Tempo's API for the trace"},
	{"\x04\x22\x4d\x18", "LZ4", "decompress it first (lz4 -d)"},
	{"\xfd7zXZ\x00", "xz", "decompress it first (xz -d)"},
	{"BZh", "bzip2", "decompress it first (bzip2 -d)"},
	{"\xff\x06\x00\x00sNaPpY", "Snappy", "decompress it first"},
	{"PK\x03\x04", "a zip archive", "unpack it, and give the files in it"},
	{"\xff\xfe", "text in UTF-16", "convert it to UTF-8 first (iconv -f UTF-16 -t UTF-8)"},
	{"\xfe\xff", "text in UTF-16", "convert it to UTF-8 first (iconv -f UTF-16 -t UTF-8)"},
	{"SQLite format 3\x00", "an SQLite database", "export its spans as OTLP/JSON"},
	{"\x7fELF", "a program", "give the spans that it exported"},
	{"\x89PNG", "a picture", "give the spans that it shows"},
	{"%PDF", "a PDF document", "give spans as OTLP/JSON"},
	{"goroutine ", "a dump of goroutines", "it has no spans; a program with a debug handler says what its goroutines wait for"},
	{"<", "HTML or XML, such as a web page", "save what the server's API answers, not its page"},
}

// compression returns how a source that begins with head is compressed, "" if it is not.
func compression(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte(magicGzip)):
		return "gzip"
	case bytes.HasPrefix(head, []byte(magicZstd)):
		return "zstd"
	// A skippable frame, which may come first (RFC 8878, section 3.1.2).
	case len(head) >= 4 && head[0]&0xf0 == 0x50 && string(head[1:4]) == "\x2a\x4d\x18":
		return "zstd"
	default:
		return ""
	}
}

// isGoTrace reports whether head begins an execution trace: "go 1.26 trace".
func isGoTrace(head []byte) bool {
	return bytes.HasPrefix(head, []byte("go 1.")) && bytes.Contains(head[:min(len(head), 16)], []byte(" trace\x00"))
}

// foreign returns what a source that begins with head is, or nil if it may be JSON.
func foreign(head []byte) *FormatError {
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.magic)) {
			return &FormatError{Looks: m.looks, Advice: m.advice}
		}
	}
	switch {
	case isProtobuf(head):
		return &FormatError{
			Looks: "OTLP in protobuf", Advice: "have the exporter write JSON (in the collector: format: json of the file exporter)",
		}
	case len(head) > 4 && int(binary.BigEndian.Uint32(head)) < 64<<20 && isProtobuf(head[4:]):
		return &FormatError{
			Looks: "OTLP in protobuf, as the collector's file exporter writes it", Advice: "set format: json in its configuration",
		}
	case bytes.HasPrefix(head, []byte("\x0a\x04\x08")):
		return &FormatError{Looks: "a profile of pprof", Advice: "see go tool pprof; it has no spans"}
	case isBinary(head):
		return &FormatError{Looks: "binary data of an unknown kind", Advice: "give spans as OTLP/JSON"}
	default:
		return nil
	}
}

// isProtobuf reports whether head begins OTLP's TracesData: field 1, a message with a
// resource or a list of spans of one scope.
func isProtobuf(head []byte) bool {
	if len(head) < 4 || head[0] != 0x0a {
		return false
	}
	n, size := binary.Uvarint(head[1:])
	if size <= 0 || n < 2 || 1+size >= len(head) {
		return false
	}
	tag, rest := head[1+size], head[2+size:]
	inner, more := binary.Uvarint(rest)
	return (tag == 0x0a || tag == 0x12) && more > 0 && inner <= n && !json1(head)
}

// json1 reports whether head begins with an object or array, after any white space.
func json1(head []byte) bool {
	head = bytes.TrimLeft(head, " \t\r\n")
	return len(head) > 0 && (head[0] == '{' || head[0] == '[')
}

func isBinary(head []byte) bool {
	odd := 0
	for _, c := range head {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != 0x1b {
			odd++
		}
	}
	for len(head) > 0 && !utf8.FullRune(head[max(len(head)-utf8.UTFMax, 0):]) {
		head = head[:len(head)-1]
	}
	return odd > 0 && (odd*20 > len(head) || !utf8.Valid(head))
}

// noJSON describes a source without any JSON by its first line.
func noJSON(head []byte) *FormatError {
	line, _, _ := strings.Cut(strings.TrimSpace(string(head)), "\n")
	return &FormatError{
		Looks:  fmt.Sprintf("text (%s)", text.Printable(text.Shorten(strings.ToValidUTF8(line, "\uFFFD"), 60))),
		Advice: "give spans as OTLP/JSON",
	}
}

// noSpans describes JSON without a field that Read knows, by its fields.
func noSpans(fields []string) *FormatError {
	has := func(field string) bool { return slices.Contains(fields, field) }
	switch {
	case has("traceEvents"):
		return &FormatError{Looks: "a trace in Chrome's format", Advice: "it is for Perfetto; give the spans that it was made of"}
	case has("resourceLogs"), has("resourceMetrics"), has("resourceProfiles"):
		return &FormatError{Looks: "OTLP/JSON of another signal", Advice: "it has no spans; give the collector's export of traces"}
	case has("localEndpoint"), has("traceId") && has("timestamp") && has("duration"):
		return &FormatError{Looks: "Zipkin's JSON", Advice: "send it through a collector that exports OTLP/JSON"}
	case has("traces") && has("metrics"):
		return &FormatError{Looks: "what Tempo's search answers", Advice: "it has no spans; ask /api/traces/ID for those of a trace"}
	default:
		names := fields[:min(len(fields), 3)]
		return &FormatError{
			Looks:  fmt.Sprintf("JSON of another kind, with %s", text.Printable(text.Shorten(strings.Join(names, ", "), 60))),
			Advice: "give spans as OTLP/JSON",
		}
	}
}
