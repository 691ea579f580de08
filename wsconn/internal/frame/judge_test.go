package frame_test

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/wakechain/wakechain/wsconn/internal/frame"
)

func TestStop(t *testing.T) {
	const (
		reserved   = "frame: reserved opcode"
		fragmented = "frame: fragmented control frame"
		long       = "frame: control frame longer than 125 bytes"
		length     = "frame: length of 2^63 bytes or more"
	)
	type stop struct {
		name, bytes string
		after       int // bytes scanned, including the one that stopped the scanner
		want        string
	}
	tests := []stop{
		{"fragmented close", "\x08\x00", 1, fragmented},
		{"fragmented ping", "\x09\x00", 1, fragmented},
		{"fragmented pong", "\x0A\x80key.", 1, fragmented},
		{"ping of 126", "\x89\x7E\x00\x7E", 4, long},
		{"masked ping of 126", "\x89\xFE\x00\x7Ekey.", 4, long},
		{"close of 65536", "\x88\x7F\x00\x00\x00\x00\x00\x01\x00\x00", 10, long},
		{"ping of 2^63", "\x89\x7F\x80\x00\x00\x00\x00\x00\x00\x00", 10, length},
		{"text of 2^63", "\x81\x7F\x80\x00\x00\x00\x00\x00\x00\x00", 10, length},
		{"masked text of 2^64-1", "\x81\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFkey.", 10, length},
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF} {
		tests = append(tests,
			stop{fmt.Sprintf("opcode %#x", op), string([]byte{op | 0x80, 0}), 1, reserved},
			stop{fmt.Sprintf("opcode %#x fragmented", op), string([]byte{op, 0}), 1, reserved})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			const before, rest = "\x81\x02hi", "\x81\x02ho\x81"
			stream := []byte(before + tt.bytes + rest)
			for chunk := 1; chunk <= len(stream); chunk++ {
				var s frame.Scanner
				got := follow(t, &s, stream, chunk)
				if len(got.Frames) != 2 || !got.Frames[0].End || !got.Frames[1].Stop || got.Frames[1].Header.Size != 0 {
					t.Fatalf("chunks of %d: got %+v, want a whole frame and one that stops in its header", chunk, got.Frames)
				}
				if got, want := got.Opaque, len(stream)-len(before)-tt.after; got != want {
					t.Errorf("chunks of %d: %d bytes opaque, want %d", chunk, got, want)
				}
				if err := s.Err(); err == nil || err.Error() != tt.want {
					t.Errorf("chunks of %d: Err = %v, want %s", chunk, err, tt.want)
				}
			}
		})
	}
}

// Violations that only the WebSocket library can judge do not stop a Scanner.
func TestNotJudged(t *testing.T) {
	for name, stream := range map[string]string{
		"RSV2 and RSV3":                       "\xB1\x01x",
		"RSV bits of a control frame":         "\xF9\x00",
		"continuation of nothing":             "\x80\x01x",
		"text inside a fragmented message":    "\x01\x01x\x81\x01y",
		"length in more bytes than it needs":  "\x81\x7F\x00\x00\x00\x00\x00\x00\x00\x01x",
		"control length in 16 bits":           "\x89\x7E\x00\x01x",
		"masked and not in one direction":     "\x81\x81key.x\x81\x01x",
		"frames after a close frame":          "\x88\x00\x81\x01x",
		"close payload of one byte":           "\x88\x01x",
		"text that is not UTF-8":              "\x81\x02\xFF\xFE",
		"ping inside a fragmented message":    "\x01\x01x\x89\x00\x80\x00",
		"close code that must not be sent":    "\x88\x02\x03\xED",
		"mask key of zero":                    "\x81\x81\x00\x00\x00\x00x",
		"longest control frame, in 16 bits":   "\x89\x7E\x00\x7D" + string(make([]byte, 125)),
		"empty frames one after another":      "\x01\x00\x00\x00\x80\x00",
		"empty masked frames after another":   "\x01\x80key.\x00\x80key.\x80\x80key.",
		"compressed message, sync flush tail": "\xC1\x07\xF2\x48\xCD\xC9\xC9\x07\x00",
	} {
		t.Run(name, func(t *testing.T) {
			var s frame.Scanner
			got := follow(t, &s, []byte(stream))
			if s.Err() != nil || !got.Frames[len(got.Frames)-1].End {
				t.Errorf("Err = %v, frames %+v; want all frames to end", s.Err(), got.Frames)
			}
			if want := reference([]byte(stream)); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestCloseCode(t *testing.T) {
	for _, tt := range []struct {
		payload string
		code    int
		ok      bool
	}{
		{"", 0, false},
		{"\x03", 0, false},
		{"\x03\xE8", 1000, true},
		{"\x03\xE9bye", 1001, true},
		{"\xFF\xFF", 65535, true},
	} {
		if code, ok := frame.CloseCode([]byte(tt.payload)); code != tt.code || ok != tt.ok {
			t.Errorf("CloseCode(%q) = %d, %t; want %d, %t", tt.payload, code, ok, tt.code, tt.ok)
		}
	}
}

func TestOpcode(t *testing.T) {
	want := []string{
		"continuation", "text", "binary", "opcode(0x3)", "opcode(0x4)", "opcode(0x5)", "opcode(0x6)", "opcode(0x7)",
		"close", "ping", "pong", "opcode(0xb)", "opcode(0xc)", "opcode(0xd)", "opcode(0xe)", "opcode(0xf)",
	}
	for i, want := range want {
		op := frame.Opcode(i)
		if got := op.String(); got != want {
			t.Errorf("Opcode(%d).String() = %q, want %q", i, got, want)
		}
		if got, want := op.IsControl(), i >= 8; got != want {
			t.Errorf("Opcode(%d).IsControl() = %t, want %t", i, got, want)
		}
	}
}
