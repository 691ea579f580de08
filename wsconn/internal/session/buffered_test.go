package session_test

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/wakechain/wakechain/trace/semconv"
	"github.com/wakechain/wakechain/wsconn/internal/session"
)

// deflated returns a compressed message as a frame.
func (p *peer) deflated(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(w, text)
	_ = w.Flush()
	return p.frame(0xC1, strings.TrimSuffix(b.String(), "\x00\x00\xff\xff"))
}

// A message that the program has read completely is measured, even if the connection
// closed while the message was still in the library's buffer. It does not matter which
// side closed it, where the reader was, and how metrics are collected.
func TestBufferedMessagesAreMeasured(t *testing.T) {
	const messages = 4
	ends := map[string]func(t *testing.T, c conn, p *peer){
		"reset": func(t *testing.T, c conn, p *peer) {
			_ = p.Conn.(timedConn).Reset()
			synctest.Wait()
			_ = c.Write(t.Context(), messageText, []byte("are you there"))
		},
		"peer closed": func(t *testing.T, c conn, p *peer) {
			_ = p.Close()
			synctest.Wait()
			_ = c.Write(t.Context(), messageText, []byte("are you there"))
		},
		"closed beside": func(_ *testing.T, c conn, _ *peer) { _ = c.CloseNow() },
	}
	for _, lib := range benched {
		for name, end := range ends {
			for _, compress := range []bool{false, true} {
				for _, taken := range []int{-1, 0, 10} { // bytes of the second message that are read before the end; negative: the connection ends before it
					for _, sampled := range []bool{true, false} {
						for _, produced := range []bool{true, false} {
							t.Run(fmt.Sprintf("%s, %s, compress %v, taken %d, sampled %v, produced %v", lib.name, name, compress, taken, sampled, produced), func(t *testing.T) {
								synctest.Test(t, func(t *testing.T) {
									m := newMeasured()
									if produced {
										m = newProduced()
									}
									s := setup{client: []session.Option{m.option()}, deflates: compress}
									if !sampled {
										s.client = append(s.client, offs(t)["unsampled"].option())
									}
									if compress {
										s.options = options{compression: 1, threshold: 1}
									}
									c, _, p := rawServer(t, lib, s)
									c.SetReadLimit(-1)
									var sent [][]byte
									for i := range messages {
										text := strings.Repeat(fmt.Sprintf("message %d ", i), 30)
										if compress {
											sent = append(sent, p.deflated(t, text))
										} else {
											sent = append(sent, p.frame(opText, text))
										}
									}
									go p.send(t, sent...)
									synctest.Wait()
									got := readBuffered(t, c, taken, func() { end(t, c, p) })
									if lib.name == "gorilla" && got != messages {
										t.Errorf("got %d messages, want %d", got, messages)
									}
									_ = c.CloseNow()
									if lib.name != "gorilla" && name == "closed beside" && taken >= 0 && !compress {
										got++ // was left, but had arrived completely
									}
									want := fmt.Sprintf("%s By network.io.direction=receive websocket.role=client: %d in %d\n", semconv.MetricMessageSize, got*300, got)
									if all := m.text(t); !strings.Contains(all, want) {
										t.Errorf("got\n%swant\n%s", all, want)
									}
								})
							})
						}
					}
				}
			}
		}
	}
}

// readBuffered reads until an error, and returns how many messages were complete. It calls
// end between the first two. If taken is not negative, it calls end after a reader has
// taken so many bytes of the second.
func readBuffered(t *testing.T, c conn, taken int, end func()) (whole int) {
	t.Helper()
	for ; ; whole++ {
		if whole == 1 && taken < 0 {
			end()
		}
		_, r, err := c.Reader(t.Context())
		if err != nil {
			return whole
		}
		if whole == 1 && taken >= 0 {
			if _, err := io.CopyN(io.Discard, r, int64(taken)); err != nil {
				t.Fatal(err)
			}
			end()
		}
		if _, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{r}, make([]byte, 7)); err != nil {
			return whole
		}
	}
}
