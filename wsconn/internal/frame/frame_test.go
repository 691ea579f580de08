package frame_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/wakechain/wakechain/wsconn/internal/frame"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var opcodes = []frame.Opcode{
	frame.Continuation, frame.Text, frame.Binary, frame.Close, frame.Ping, frame.Pong,
}

func ExampleScanner_Next() {
	// A ping and half of a text frame, then the rest (RFC 6455 §5.7).
	chunks := []string{"\x89\x00\x81\x85\x37\xfa\x21\x3d\x7f\x9f", "\x4d\x51\x58"}

	var s frame.Scanner
	var text []byte
	for _, chunk := range chunks {
		for p := []byte(chunk); len(p) > 0; {
			seg, n := s.Next(p)
			if seg.Header.Opcode == frame.Text {
				text = seg.AppendPayload(text)
			}
			fmt.Println(seg.Header.Opcode, "begin:", seg.Begin, "end:", seg.End, "bytes:", n)
			p = p[n:]
		}
	}
	fmt.Printf("%s\n", text)
	// Output:
	// ping begin: true end: true bytes: 2
	// text begin: true end: false bytes: 8
	// text begin: false end: true bytes: 3
	// Hello
}

func TestHeaders(t *testing.T) {
	for _, want := range headers() {
		raw := encode(want)
		if len(raw) != want.Size {
			t.Fatalf("%+v: encoded in %d bytes", want, len(raw))
		}
		for chunk := 1; chunk <= len(raw); chunk++ {
			var s frame.Scanner
			got := follow(t, &s, raw, chunk)
			wantFrame := sighting{Header: want, End: want.Length == 0}
			if !reflect.DeepEqual(got.Frames, []sighting{wantFrame}) || s.Err() != nil {
				t.Errorf("chunks of %d: got %+v, err %v, want %+v", chunk, got.Frames, s.Err(), wantFrame)
			}
		}
	}
}

// What a session may rely on before a header is complete.
func TestIncompleteHeader(t *testing.T) {
	want := frame.Header{
		Opcode: frame.Binary, RSV1: true, Masked: true,
		Length: 1 << 16, Size: 14, MaskKey: [4]byte{1, 2, 3, 4},
	}
	raw := encode(want)
	for cut := 1; cut < len(raw); cut++ {
		var s frame.Scanner
		s.Next(raw[:cut])
		got, inside := s.Current()
		if !inside || got.Size != 0 || got.Opcode != want.Opcode || got.Fin != want.Fin || got.RSV1 != want.RSV1 {
			t.Errorf("Current after %d bytes = %+v, %t; want Size 0 and the first byte's fields", cut, got, inside)
		}
	}
}

func TestSegments(t *testing.T) {
	ping := frame.Header{Opcode: frame.Ping, Fin: true, Size: 2}
	text := frame.Header{Opcode: frame.Text, Fin: true, Length: 4, Size: 2}
	half := frame.Header{Opcode: frame.Text, Fin: true}

	var s frame.Scanner
	for i, step := range []struct {
		chunk string
		want  frame.Segment
		n     int
	}{
		{"\x89\x00\x81", frame.Segment{Header: ping, Begin: true, HeaderEnd: true, End: true, Payload: []byte{}}, 2},
		{"\x81", frame.Segment{Header: half, Begin: true}, 1},
		{"\x04", frame.Segment{Header: text, HeaderEnd: true, Payload: []byte{}}, 1},
		{"wak", frame.Segment{Header: text, Payload: []byte("wak")}, 3},
		{"", frame.Segment{}, 0},
		{"e\x89\x00", frame.Segment{Header: text, End: true, Payload: []byte("e"), Offset: 3}, 1},
		{"\x81\x04wake\x89", frame.Segment{Header: text, Begin: true, HeaderEnd: true, End: true, Payload: []byte("wake")}, 6},
	} {
		got, n := s.Next([]byte(step.chunk))
		if !reflect.DeepEqual(got, step.want) || n != step.n {
			t.Errorf("step %d: Next(%q) =\n%+v, %d, want\n%+v, %d", i, step.chunk, got, n, step.want, step.n)
		}
	}
}

func TestCurrentOutside(t *testing.T) {
	var s frame.Scanner
	for _, when := range []string{"at first", "after a frame"} {
		if h, ok := s.Current(); ok || h != (frame.Header{}) {
			t.Errorf("%s: Current = %+v, %t; want the zero Header, false", when, h, ok)
		}
		s.Next([]byte{0x8A, 0})
	}
}

func TestCopy(t *testing.T) {
	var s frame.Scanner
	s.Next([]byte("\x82\x04wa"))
	c := s
	c.Next([]byte("ke"))
	if _, ok := c.Current(); ok {
		t.Error("the copy is inside the frame after its last byte")
	}
	if seg, _ := s.Next([]byte("k")); seg.Offset != 2 || seg.End {
		t.Errorf("the original went on at %d, End %t; want 2, false", seg.Offset, seg.End)
	}
}

func TestAnyChunking(t *testing.T) {
	const seed = 6455
	for round := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, round))
		stream, want := randomFrames(rng, 40)
		if ref := reference(stream); !reflect.DeepEqual(ref.Frames, want) {
			t.Fatalf("seed %d, %d: the reference parser is wrong", seed, round)
		}
		lengths := make([]int, 50)
		for i := range lengths {
			lengths[i] = rng.IntN([]int{2, 8, 200, 5000}[rng.IntN(4)])
		}
		for _, lengths := range [][]int{nil, {1}, {2}, {3}, {4096}, lengths} {
			var s frame.Scanner
			got := follow(t, &s, stream, lengths...)
			if !reflect.DeepEqual(got.Frames, want) || s.Err() != nil {
				t.Fatalf("seed %d, %d, chunks of %v: got %d frames, err %v, other than the %d sent",
					seed, round, lengths, len(got.Frames), s.Err(), len(want))
			}
		}
	}
}

func TestAppendPayload(t *testing.T) {
	key := [4]byte{0x37, 0xFA, 0x21, 0x3D}
	for _, masked := range []bool{false, true} {
		want := []byte("\x03\xE8going away, slowly")
		h := frame.Header{Opcode: frame.Close, Fin: true, Length: int64(len(want)), Size: 2}
		wire := slices.Clone(want)
		if masked {
			h.Masked, h.MaskKey, h.Size = true, key, 6
			for i := range wire {
				wire[i] ^= key[i%4]
			}
		}
		stream := append(encode(h), wire...)
		before := slices.Clone(stream)
		for chunk := 1; chunk <= len(stream); chunk++ {
			var s frame.Scanner
			got := []byte("kept")
			for c := range slices.Chunk(stream, chunk) {
				for len(c) > 0 {
					seg, n := s.Next(c)
					got = seg.AppendPayload(got)
					c = c[n:]
				}
			}
			if want := append([]byte("kept"), want...); !bytes.Equal(got, want) {
				t.Errorf("masked %t, chunks of %d: got %q, want %q", masked, chunk, got, want)
			}
		}
		if !bytes.Equal(stream, before) {
			t.Errorf("masked %t: the stream was changed", masked)
		}
	}
}

// A caller that appends to Payload must not write into the chunk.
func TestPayloadCapacity(t *testing.T) {
	var s frame.Scanner
	seg, _ := s.Next([]byte("\x81\x01x\x81\x01y"))
	if got, want := cap(seg.Payload), len(seg.Payload); got != want {
		t.Errorf("cap(Payload) = %d, want %d", got, want)
	}
}

func TestNoAllocation(t *testing.T) {
	var stream []byte
	for _, h := range headers() {
		if h.Length <= 1<<16 {
			stream = append(append(stream, encode(h)...), make([]byte, h.Length)...)
		}
	}
	malformed := []byte("\x83\x00\x81\x00")
	buf := make([]byte, 0, frame.MaxControlPayload)
	for _, size := range []int{1 << 20, 4096, 1} {
		got := testing.AllocsPerRun(1, func() {
			var s frame.Scanner
			for _, b := range [][]byte{stream, malformed} {
				for chunk := range slices.Chunk(b, size) {
					for len(chunk) > 0 {
						seg, n := s.Next(chunk)
						if seg.Header.Opcode.IsControl() {
							if seg.Begin {
								buf = buf[:0]
							}
							buf = seg.AppendPayload(buf)
							frame.CloseCode(buf)
						}
						s.Current()
						chunk = chunk[n:]
					}
				}
			}
			if s.Err() == nil {
				t.Error("the scanner did not stop at the end")
			}
		})
		if got != 0 {
			t.Errorf("chunks of %d: %v allocations, want 0", size, got)
		}
	}
}

// FuzzScanner checks what follow does, in any chunking, and that the scanner finds what
// the reference parser finds in the whole stream.
func FuzzScanner(f *testing.F) {
	f.Fuzz(func(t *testing.T, stream, chunks []byte) {
		before := bytes.Clone(stream)
		lengths := make([]int, len(chunks))
		for i, n := range chunks {
			lengths[i] = int(n)
		}
		want := reference(stream)
		for _, lengths := range [][]int{nil, {1}, lengths} {
			var s frame.Scanner
			if got := follow(t, &s, stream, lengths...); !reflect.DeepEqual(got, want) {
				t.Errorf("chunks of %v:\ngot  %+v\nwant %+v", lengths, got, want)
			}
		}
		if !bytes.Equal(stream, before) {
			t.Error("the stream was changed")
		}
	})
}

// BenchmarkScanner scans one frame in each iteration. A frame of 1 MiB arrives in chunks
// of 4 KiB, the size of the libraries' buffers.
func BenchmarkScanner(b *testing.B) {
	for _, bb := range []struct {
		name          string
		length, chunk int
		masked        bool
	}{
		{"16B", 16, 1 << 20, false},
		{"16B/masked", 16, 1 << 20, true},
		{"16B/byte_by_byte", 16, 1, true},
		{"1KiB", 1 << 10, 1 << 20, false},
		{"1MiB", 1 << 20, 1 << 21, false},
		{"1MiB/4KiB_chunks", 1 << 20, 4 << 10, false},
	} {
		b.Run(bb.name, func(b *testing.B) {
			h := frame.Header{Opcode: frame.Binary, Fin: true, Length: int64(bb.length), Masked: bb.masked, Size: 2}
			switch {
			case bb.length > 1<<16-1:
				h.Size = 10
			case bb.length > 125:
				h.Size = 4
			}
			if bb.masked {
				h.Size += 4
			}
			stream := append(encode(h), make([]byte, bb.length)...)
			chunks := slices.Collect(slices.Chunk(stream, bb.chunk))
			var s frame.Scanner
			ends := 0
			b.ReportAllocs()
			for b.Loop() {
				for _, p := range chunks {
					for len(p) > 0 {
						seg, n := s.Next(p)
						if seg.End {
							ends++
						}
						p = p[n:]
					}
				}
			}
			if ends != b.N {
				b.Errorf("%d frames ended in %d iterations", ends, b.N)
			}
		})
	}
}
