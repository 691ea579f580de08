package tracepong_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/wsconn/internal/frame"
	"github.com/wakechain/wakechain/wsconn/internal/tracepong"
)

// reference is what a Stream makes of a complete stream: the bytes that stay, and the
// events as strain returns them. It follows the figure in RFC 6455 §5.2 and docs/wire.md,
// and shares no code with the package.
func reference(on, fromClient bool, stream []byte) (stays []byte, events []string) {
	for at := 0; at < len(stream); {
		b := stream[at:]
		opcode, fin := b[0]&15, b[0]>>7 == 1
		control := opcode == 8 || opcode == 9 || opcode == 10
		if !control && opcode > 2 || control && !fin {
			return append(stays, b...), append(events, "stop")
		}
		used, length, known := header(b)
		if length >= 1<<63 || control && length > 125 {
			return append(stays, b...), append(events, "stop")
		}
		if !known {
			return append(stays, b...), events
		}
		masked := b[1]>>7 == 1
		key := make([]byte, 4)
		if masked {
			if len(b) < used+4 {
				return append(stays, b...), events
			}
			key = b[used : used+4]
			used += 4
		}
		here := min(uint64(len(b)-used), length)
		payload := bytes.Clone(b[used : used+int(here)])
		for i := range payload {
			payload[i] ^= key[i%4]
		}
		whole := here == length
		at += used + int(here)

		switch {
		case on && b[0] == 0x8A && masked == fromClient && bytes.HasPrefix(payload, []byte("\xf5wk\x01")):
			if whole {
				events = append(events, traced(payload))
			}
			continue // it is removed
		case control && whole:
			events = append(events, fmt.Sprintf("%v %q", frame.Opcode(opcode), payload))
		case whole:
			events = append(events, fmt.Sprintf("%v of %d", frame.Opcode(opcode), length))
		}
		stays = append(stays, b[:used+int(here)]...)
	}
	return stays, events
}

// header returns how long the header is without the mask's key, and the payload's
// length. It is false if b ends before that.
func header(b []byte) (used int, length uint64, known bool) {
	switch {
	case len(b) < 2:
		return 0, 0, false
	case b[1]&127 < 126:
		return 2, uint64(b[1] & 127), true
	case b[1]&127 == 126 && len(b) >= 4:
		return 4, uint64(binary.BigEndian.Uint16(b[2:])), true
	case b[1]&127 == 127 && len(b) >= 10:
		return 10, binary.BigEndian.Uint64(b[2:]), true
	}
	return 0, 0, false
}

// traced returns the event of a pong that begins as a trace pong.
func traced(payload []byte) string {
	if len(payload) != 33 {
		return "malformed"
	}
	number, traceID, spanID, flags := payload[4:8], payload[8:24], payload[24:32], payload[32]
	if !slices.ContainsFunc(traceID, nonZero) || !slices.ContainsFunc(spanID, nonZero) || flags&1 == 0 {
		return "malformed"
	}
	return fmt.Sprintf("trace %d %x", binary.BigEndian.Uint32(number), spanID)
}

func nonZero(b byte) bool { return b != 0 }

// differ compares a Stream with the reference in several chunkings. Exactly the trace
// pongs are removed, and neither the bytes nor the events depend on the chunks.
func differ(t *testing.T, on, fromClient bool, stream, chunks []byte) {
	t.Helper()
	lengths := make([]int, len(chunks))
	for i, n := range chunks {
		lengths[i] = int(n)
	}
	stays, want := reference(on, fromClient, stream)
	for _, lengths := range [][]int{nil, {1}, {2}, {5}, lengths} {
		s := tracepong.Stream{On: on, Masked: fromClient}
		got, events := strain(t, &s, stream, lengths...)
		if got != string(stays) {
			t.Errorf("chunks of %v: got %q, want %q", lengths, got, stays)
		}
		if !slices.Equal(events, want) {
			t.Errorf("chunks of %v: got %q, want %q", lengths, events, want)
		}
	}
}

// FuzzStream compares a Stream with the reference on any bytes.
func FuzzStream(f *testing.F) {
	f.Fuzz(func(t *testing.T, stream, chunks []byte, on, fromClient bool) {
		differ(t, on, fromClient, stream, chunks)
	})
}

// FuzzFrames compares a Stream with the reference on frames made from a seed. They are of
// any kind and in any order, most of them valid, some cut or with a byte changed. From
// bytes alone a fuzzer seldom makes two trace pongs in a row.
func FuzzFrames(f *testing.F) {
	f.Fuzz(func(t *testing.T, seed uint64, n uint8, chunks []byte, fromClient bool) {
		rng := rand.New(rand.NewPCG(seed, 0))
		stream := mixture(rng, int(n), fromClient)
		switch rng.IntN(4) {
		case 0:
			stream = stream[:rng.IntN(len(stream)+1)]
		case 1:
			if len(stream) > 0 {
				stream[rng.IntN(len(stream))] ^= byte(1 << rng.IntN(8))
			}
		}
		differ(t, true, fromClient, stream, chunks)
	})
}

// TestMixtures is FuzzFrames for some seeds, with random chunks.
func TestMixtures(t *testing.T) {
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 1))
		stream := mixture(rng, 40, seed%2 == 1)
		chunks := make([]byte, 1+rng.IntN(20))
		for i := range chunks {
			chunks[i] = byte(rng.IntN([]int{2, 8, 64, 256}[rng.IntN(4)]))
		}
		differ(t, true, seed%2 == 1, stream, chunks)
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// mixture returns n frames: messages, whole and in fragments, pings, the program's pongs,
// and trace pongs, some of which are malformed.
func mixture(rng *rand.Rand, n int, fromClient bool) (stream []byte) {
	add := func(first byte, payload string) {
		masked := fromClient != (rng.IntN(30) == 0)
		head := []byte{first, byte(len(payload))}
		if len(payload) > 125 || rng.IntN(10) == 0 {
			head = binary.BigEndian.AppendUint16([]byte{first, 126}, uint16(len(payload)))
		}
		body := []byte(payload)
		if masked {
			head[1] |= 0x80
			key := binary.BigEndian.AppendUint32(nil, rng.Uint32())
			head = append(head, key...)
			for i := range body {
				body[i] ^= key[i%4]
			}
		}
		stream = append(append(stream, head...), body...)
	}
	for range n {
		switch rng.IntN(10) {
		case 0:
			add(0x81, strings.Repeat("t", rng.IntN(300)))
		case 1:
			add(0x02, strings.Repeat("b", rng.IntN(20)))
			add(0x80, "end")
		case 2:
			add(0x89, "ping")
		case 3:
			add(0x8A, []string{"", "1", "\xf5", "\xf5wk", "\xf5wk\x02", "a pong"}[rng.IntN(6)])
		case 4:
			add(0x8A, "\xf5wk\x01"+strings.Repeat("x", rng.IntN(122)))
		case 5:
			add(0xC1, "an extension's")
		default:
			p := example
			p.Number = rng.Uint32()
			id := oteltrace.SpanID(binary.BigEndian.AppendUint64(nil, rng.Uint64()))
			p.Write = p.Write.WithSpanID(id)
			stream = tracepong.Append(stream, p, fromClient)
		}
	}
	return stream
}
