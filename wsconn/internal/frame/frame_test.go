package frame_test

import (
	"bytes"
	"encoding/binary"
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

func ExampleScanner_Peek() {
	// Two frames in one Write, which parks between them and inside the second.
	p := []byte("\x89\x00\x82\x04wake")

	var s frame.Scanner
	for _, written := range []int{2, 3} {
		for sent := p[:written]; len(sent) > 0; {
			_, n := s.Next(sent)
			sent = sent[n:]
		}
		p = p[written:]
		seg := s.Peek(p)
		fmt.Println("parked at:", seg.Header.Opcode, "begun:", !seg.Begin, "offset:", seg.Offset)
	}
	// Output:
	// parked at: binary begun: false offset: 0
	// parked at: binary begun: true offset: 1
}

// A sighting is what was learned of one frame.
type sighting struct {
	Begin   int // position of its first byte in the stream
	Header  frame.Header
	Payload []byte // as on the wire
	End     bool
	Stop    bool // scanning stopped in it
}

// trail is everything that was learned of a stream.
type trail struct {
	Frames []sighting
	Opaque int // bytes after scanning stopped
}

// settle clears the fields of an incomplete header that are not to be used.
func settle(h frame.Header) frame.Header {
	if h.Size == 0 {
		return frame.Header{Opcode: h.Opcode, Fin: h.Fin, RSV1: h.RSV1}
	}
	return h
}

// follow scans stream in chunks of the given lengths, over and over, and checks
// every segment against the contract as it goes. Without lengths, or with
// nothing but zeros, stream is one chunk.
func follow(t testing.TB, s *frame.Scanner, stream []byte, lengths ...int) trail {
	t.Helper()
	if !slices.ContainsFunc(lengths, func(n int) bool { return n > 0 }) {
		lengths = []int{max(1, len(stream))}
	}
	var got trail
	at := 0
	for i := 0; at < len(stream); i++ {
		chunk := stream[at:min(len(stream), at+lengths[i%len(lengths)])]
		if len(chunk) == 0 {
			before := *s
			if seg, n := s.Next(chunk); n != 0 || !reflect.DeepEqual(seg, frame.Segment{}) || *s != before {
				t.Fatalf("at %d: Next of nothing = %+v, %d and changed the scanner: %t; want the zero Segment, 0, false",
					at, seg, n, *s != before)
			}
		}
		for len(chunk) > 0 {
			n := got.next(t, s, chunk, at)
			at, chunk = at+n, chunk[n:]
		}
	}
	return got
}

// next takes the next segment, of a chunk at position at, into the trail.
func (tr *trail) next(t testing.TB, s *frame.Scanner, chunk []byte, at int) int {
	t.Helper()
	stopped := s.Err() != nil
	_, inside := s.Current()
	peeked := s.Peek(chunk)
	seg, n := s.Next(chunk)

	if !reflect.DeepEqual(peeked, seg) {
		t.Fatalf("at %d: Peek = %+v, Next = %+v; want the same", at, peeked, seg)
	}
	if n < 1 || n > len(chunk) {
		t.Fatalf("at %d: Next consumed %d of %d bytes", at, n, len(chunk))
	}
	if stopped {
		if n != len(chunk) || !reflect.DeepEqual(seg, frame.Segment{}) {
			t.Fatalf("at %d: Next after Stop = %+v, %d; want the zero Segment, %d", at, seg, n, len(chunk))
		}
		tr.Opaque += n
		return n
	}

	if seg.Begin == inside {
		t.Fatalf("at %d: Begin = %t, inside a frame before = %t", at, seg.Begin, inside)
	}
	if seg.Begin {
		tr.Frames = append(tr.Frames, sighting{Begin: at})
	}
	f := &tr.Frames[len(tr.Frames)-1]
	if got, want := seg.HeaderEnd, f.Header.Size == 0 && seg.Header.Size != 0; got != want {
		t.Fatalf("at %d: HeaderEnd = %t, want %t", at, got, want)
	}
	if got, want := seg.Offset, int64(len(f.Payload)); got != want {
		t.Fatalf("at %d: Offset = %d, want %d", at, got, want)
	}
	if len(seg.Payload) > 0 && &seg.Payload[len(seg.Payload)-1] != &chunk[n-1] {
		t.Fatalf("at %d: Payload is not the end of the %d bytes consumed", at, n)
	}
	if seg.Stop != (s.Err() != nil) {
		t.Fatalf("at %d: Stop = %t, Err = %v", at, seg.Stop, s.Err())
	}
	head, inside := s.Current()
	if got, want := inside, !seg.End && !seg.Stop; got != want {
		t.Fatalf("at %d: Current after %+v is inside a frame = %t, want %t", at, seg, got, want)
	}
	if inside && head != seg.Header {
		t.Fatalf("at %d: Current = %+v, want %+v", at, head, seg.Header)
	}

	f.Header = settle(seg.Header)
	f.Payload = append(f.Payload, seg.Payload...)
	f.End, f.Stop = seg.End, seg.Stop
	return n
}

// reference parses a whole stream straight from the figure in RFC 6455 §5.2.
func reference(stream []byte) trail {
	var want trail
	for at := 0; at < len(stream); {
		b := stream[at:]
		f := sighting{Begin: at, Header: frame.Header{
			Opcode: frame.Opcode(b[0] & 15), Fin: b[0]>>7 == 1, RSV1: b[0]>>6&1 == 1,
		}}
		control := slices.Contains([]byte{8, 9, 10}, b[0]&15)
		data := slices.Contains([]byte{0, 1, 2}, b[0]&15)

		used, stop, complete := 1, false, false
		var length uint64
		switch {
		case !data && !control, control && !f.Header.Fin:
			stop = true
		case len(b) < 2:
		case b[1]&127 < 126:
			used, length, complete = 2, uint64(b[1]&127), true
		case b[1]&127 == 126 && len(b) >= 4:
			used, length, complete = 4, uint64(binary.BigEndian.Uint16(b[2:])), true
		case b[1]&127 == 127 && len(b) >= 10:
			used, length, complete = 10, binary.BigEndian.Uint64(b[2:]), true
		}
		if length >= 1<<63 || control && length > 125 {
			stop, complete = true, false
		}
		var key [4]byte
		if complete && b[1]>>7 == 1 {
			complete = len(b) >= used+4
			if complete {
				copy(key[:], b[used:])
				used += 4
			}
		}

		if stop {
			f.Stop = true
			want.Frames = append(want.Frames, f)
			want.Opaque = len(b) - used
			return want
		}
		if !complete {
			want.Frames = append(want.Frames, f)
			return want
		}
		f.Header.Masked, f.Header.MaskKey = b[1]>>7 == 1, key
		f.Header.Length, f.Header.Size = int64(length), used
		here := min(uint64(len(b)-used), length)
		f.Payload = append(f.Payload, b[used:used+int(here)]...)
		f.End = here == length
		want.Frames = append(want.Frames, f)
		at += used + int(here)
	}
	return want
}

// encode returns the bytes of h, with its length in the shortest encoding that
// h.Size leaves room for.
func encode(h frame.Header) []byte {
	b := []byte{byte(h.Opcode), 0}
	if h.Fin {
		b[0] |= 0x80
	}
	if h.RSV1 {
		b[0] |= 0x40
	}
	size := h.Size
	if h.Masked {
		b[1], size = 0x80, size-4
	}
	switch size {
	case 2:
		b[1] |= byte(h.Length)
	case 4:
		b[1] |= 126
		b = binary.BigEndian.AppendUint16(b, uint16(h.Length))
	case 10:
		b[1] |= 127
		b = binary.BigEndian.AppendUint64(b, uint64(h.Length))
	}
	if h.Masked {
		b = append(b, h.MaskKey[:]...)
	}
	return b
}

// headers yields a header of every length class, masked and not, and of every
// opcode that may have it.
func headers() []frame.Header {
	var all []frame.Header
	for _, op := range opcodes {
		for _, l := range []struct {
			length int64
			size   int
		}{
			{0, 2},
			{1, 2},
			{125, 2},
			{0, 4},
			{125, 4},
			{126, 4},
			{1<<16 - 1, 4},
			{0, 10},
			{125, 10},
			{126, 10},
			{1 << 16, 10},
			{1<<31 + 1, 10},
			{1<<63 - 1, 10},
		} {
			if op.IsControl() && l.length > frame.MaxControlPayload {
				continue
			}
			h := frame.Header{Opcode: op, Fin: true, Length: l.length, Size: l.size}
			all = append(all, h)
			h.Masked, h.MaskKey, h.Size = true, [4]byte{0x37, 0xFA, 0x21, 0x3D}, l.size+4
			all = append(all, h)
			if !op.IsControl() {
				h.Fin, h.RSV1 = false, true
				all = append(all, h)
			}
		}
	}
	return all
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
		if seg := s.Peek(nil); !reflect.DeepEqual(seg, frame.Segment{}) {
			t.Errorf("%s: Peek(nil) = %+v, want the zero Segment", when, seg)
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

func TestStop(t *testing.T) {
	const (
		reserved   = "frame: reserved opcode"
		fragmented = "frame: fragmented control frame"
		long       = "frame: control frame longer than 125 bytes"
		length     = "frame: length of 2^63 bytes or more"
	)
	type stop struct {
		name, bytes string
		after       int // bytes scanned, with the one that stopped it
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

// What only the WebSocket library may judge does not stop a Scanner.
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

// randomFrames returns n frames, most of them small.
func randomFrames(rng *rand.Rand, n int) (stream []byte, want []sighting) {
	for range n {
		h := frame.Header{
			Opcode: opcodes[rng.IntN(len(opcodes))],
			Fin:    rng.IntN(2) == 0, RSV1: rng.IntN(4) == 0, Masked: rng.IntN(2) == 0,
			Length: rng.Int64N(126),
		}
		switch rng.IntN(100) {
		case 0:
			h.Length = 1<<16 - rng.Int64N(2) // on either side of the 64-bit length
		case 1, 2, 3, 4, 5, 6, 7, 8, 9:
			h.Length = 100 + rng.Int64N(50)
		case 10, 11, 12, 13, 14, 15, 16, 17, 18, 19:
			h.Length = 0
		}
		if h.Opcode.IsControl() {
			h.Fin, h.Length = true, min(h.Length, frame.MaxControlPayload)
		}
		h.Size = 2
		switch {
		case h.Length > 1<<16-1:
			h.Size = 10
		case h.Length > 125:
			h.Size = 4
		}
		if h.Masked {
			h.Size += 4
			binary.BigEndian.PutUint32(h.MaskKey[:], rng.Uint32())
		}
		payload := make([]byte, h.Length)
		for i := range payload {
			payload[i] = byte(rng.Uint32())
		}
		f := sighting{Begin: len(stream), Header: h, End: true}
		f.Payload = append(f.Payload, payload...) // nil if empty
		want = append(want, f)
		stream = append(append(stream, encode(h)...), payload...)
	}
	return stream, want
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
						s.Peek(chunk[n:])
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

// FuzzScanner holds the contract that follow checks, in any chunking, and that
// what is learned is what the reference parser finds in the whole stream.
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

// BenchmarkScanner scans one frame per iteration; a frame of 1 MiB comes in
// the 4 KiB chunks of the libraries' buffers.
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
