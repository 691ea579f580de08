//go:build linux

package interop_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/gorilla/websocket"

	"github.com/wakechain/wakechain/examples/internal/browser"
)

// peer is the other end of a connection: a client that was not written for wakechain.
// It only executes commands, and does not read otherwise.
//
// The commands:
//
//	read N      reads N messages
//	drain       reads until the connection ends
//	send N SIZE sends N messages
//	close CODE  sends a close frame, one without a code if it is 0
//	abort       closes the TCP connection, without a frame
type peer interface {
	do(t *testing.T, command string) // returns when it is done
	kill()                           // ends it as SIGKILL does
}

// newPeer starts a peer and connects it to a URL.
type newPeer func(t *testing.T, url string) peer

// program is a peer that is a program. It takes commands on its standard input and
// answers each with a line.
type program struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers chan string // closed when it has ended
	ended   chan struct{}
	log     bytes.Buffer
}

// start starts a program, which must say "ok" as soon as it is connected, or
// listens, and returns what it said behind that.
func start(t *testing.T, name string, args ...string) (*program, string) {
	t.Helper()
	p := &program{cmd: exec.Command(name, args...), answers: make(chan string, 1), ended: make(chan struct{})}
	p.cmd.Dir = filepath.Join("testdata", "peers")
	p.cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	p.cmd.Stderr = &p.log
	var (
		out io.Reader
		err error
	)
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if out, err = p.cmd.StdoutPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.answers <- lines.Text()
		}
		close(p.answers)
		_ = p.cmd.Wait() // killed
	}()
	t.Cleanup(p.kill)
	return p, p.answer(t)
}

func (p *program) answer(t *testing.T) string {
	t.Helper()
	select {
	case said, ok := <-p.answers:
		rest, isOK := strings.CutPrefix(said, "ok")
		if !ok || !isOK {
			p.kill()
			t.Fatalf("%s: got the answer %q, want ok\n%s", p.cmd, said, &p.log)
		}
		return strings.TrimSpace(rest)
	case <-time.After(time.Minute):
		t.Fatalf("%s: no answer", p.cmd)
	}
	return ""
}

func (p *program) do(t *testing.T, command string) {
	t.Helper()
	p.begin(t, command)
	p.answer(t)
}

// begin is do for a command that does not end before the connection.
func (p *program) begin(t *testing.T, command string) {
	t.Helper()
	if _, err := fmt.Fprintln(p.in, command); err != nil {
		t.Fatalf("%s: %v", command, err)
	}
}

func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	for range p.answers { // until it has ended
	}
	<-p.ended
}

// python returns a peer that is one of testdata's Python programs. They need
// Debian's python3-websockets or python3-aiohttp, for Debian's Python.
func python(script string, args ...string) newPeer {
	return func(t *testing.T, url string) peer {
		t.Helper()
		p, _ := start(t, needPython(t, strings.TrimSuffix(script, "_peer.py")), append([]string{script, url}, args...)...)
		return p
	}
}

const debianPython = "/usr/bin/python3"

// needPython returns Debian's Python if it has the module. Without it the test is
// skipped, and in CI it fails.
func needPython(t *testing.T, module string) string {
	t.Helper()
	if err := exec.Command(debianPython, "-c", "import "+module).Run(); err != nil {
		missing(t, "%s has no module %s (Debian's python3-%s)", debianPython, module, module)
	}
	return debianPython
}

// missing skips the test because of what this machine does not have or allow. In CI
// the test fails.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("did not run: "+format, args...)
	}
	t.Skipf("did not run: "+format, args...)
}

var installed sync.Mutex // held while ws is installed

// npmWS is a peer made of ws, of the version that the lock file has.
func npmWS(t *testing.T, url string) peer {
	t.Helper()
	node, npm := browser.Need(t, "node"), browser.Need(t, "npm")
	installed.Lock()
	_, err := os.Stat(filepath.Join("testdata", "peers", "node_modules", "ws"))
	if err != nil {
		cmd := exec.Command(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
		cmd.Dir = filepath.Join("testdata", "peers")
		var out []byte
		if out, err = cmd.CombinedOutput(); err != nil {
			err = fmt.Errorf("npm ci: %w\n%s", err, out)
		}
	}
	installed.Unlock()
	if err != nil {
		missing(t, "%v", err)
	}
	p, _ := start(t, node, "ws_peer.js", url)
	return p
}

// commands are a peer that is in this process.
type commands struct {
	conn                                 net.Conn
	read, drain, send, closeFrame, abort func(args ...int) error
}

func (c *commands) do(t *testing.T, command string) {
	t.Helper()
	var (
		name string
		a, b int
	)
	_, _ = fmt.Sscan(command, &name, &a, &b) // those that there are
	f, ok := map[string]func(...int) error{
		"read": c.read, "drain": c.drain, "send": c.send, "close": c.closeFrame, "abort": c.abort,
	}[name]
	if !ok {
		t.Fatalf("no command %q", command)
	}
	if err := f(a, b); err != nil {
		t.Fatalf("%s: %v", command, err)
	}
}

func (c *commands) kill() { _ = c.conn.Close() }

// newCommands makes a peer of what reads a message and sends one.
func newCommands(t *testing.T, conn net.Conn, read func() error, send func([]byte) error, closeFrame func(code int) error) *commands {
	t.Cleanup(func() { _ = conn.Close() })
	return &commands{
		conn: conn,
		read: func(args ...int) error {
			for range args[0] {
				if err := read(); err != nil {
					return err
				}
			}
			return nil
		},
		drain: func(...int) error {
			for {
				if err := read(); err != nil {
					return nil // the end
				}
			}
		},
		send: func(args ...int) error {
			for range args[0] {
				if err := send(make([]byte, args[1])); err != nil {
					return err
				}
			}
			return nil
		},
		closeFrame: func(args ...int) error { return closeFrame(args[0]) },
		abort:      func(...int) error { return conn.Close() },
	}
}

func gorilla(t *testing.T, url string) peer {
	t.Helper()
	return dialGorilla(t, url, net.Dialer{})
}

// narrowGorilla is gorilla with a small receive buffer.
func narrowGorilla(t *testing.T, url string) peer {
	t.Helper()
	return dialGorilla(t, url, net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return setBuffer(c, syscall.SO_RCVBUF, 4<<10)
	}})
}

func dialGorilla(t *testing.T, url string, below net.Dialer) peer {
	t.Helper()
	d := websocket.Dialer{NetDialContext: below.DialContext}
	c, _, err := d.DialContext(t.Context(), url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return newCommands(t, c.NetConn(),
		func() error {
			_, _, err := c.ReadMessage()
			return err
		},
		func(p []byte) error { return c.WriteMessage(websocket.BinaryMessage, p) },
		func(code int) error {
			if code == 0 {
				return c.WriteMessage(websocket.CloseMessage, nil)
			}
			return c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""))
		})
}

func gobwas(t *testing.T, url string) peer {
	t.Helper()
	conn, br, _, err := ws.Dial(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	in := io.Reader(conn)
	if br != nil { // frames came with the answer
		in = br
	}
	rw := struct {
		io.Reader
		io.Writer
	}{in, conn}
	return newCommands(t, conn,
		func() error {
			_, _, err := wsutil.ReadServerData(rw)
			return err
		},
		func(p []byte) error { return wsutil.WriteClientBinary(conn, p) },
		func(code int) error {
			f := ws.NewCloseFrame(nil)
			if code != 0 {
				f = ws.NewCloseFrame(ws.NewCloseFrameBody(ws.StatusCode(code), ""))
			}
			return ws.WriteFrame(conn, ws.MaskFrameInPlace(f))
		})
}

// raw is a peer that is a mere socket, which has said what a client says at first.
type raw struct{ *net.TCPConn }

// rawPeer returns a socket on which the handshake is done.
func rawPeer(t *testing.T, url string) *raw {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "ws://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	r := &raw{conn.(*net.TCPConn)}
	r.write(t, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	// Byte for byte, so that not one is read behind the answer.
	for answer := ""; !strings.HasSuffix(answer, "\r\n\r\n"); {
		var b [1]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			t.Fatalf("the answer to the handshake: %q, then %v", answer, err)
		}
		answer += string(b[:])
	}
	return r
}

func (r *raw) write(t *testing.T, s string) {
	t.Helper()
	if _, err := io.WriteString(r, s); err != nil {
		t.Fatal(err)
	}
}

// chromium is a page that is the peer.
type chromium struct {
	b     *browser.Browser
	gate  string        // a URL that answers when the page may go on
	asked chan struct{} // closed when the page has asked for it
	open  chan struct{} // closed when it may go on
	stood chan struct{} // closed when it has; nil: it did not stand
}

// newChromium opens the server's page, and has it connect to the server.
func newChromium(t *testing.T, url string) peer {
	t.Helper()
	c := &chromium{b: browser.New(t), asked: make(chan struct{}), open: make(chan struct{})}
	gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		close(c.asked)
		select {
		case <-c.open:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(gate.Close)
	c.gate = gate.URL
	c.b.Open(t, strings.Replace(url, "ws://", "http://", 1)+"/page")
	c.eval(t, fmt.Sprintf(`new Promise((resolve, reject) => {
		window.ws = new WebSocket(%q);
		ws.onopen = resolve;
		ws.onerror = reject;
	})`, url))
	return c
}

func (c *chromium) eval(t *testing.T, js string) {
	t.Helper()
	browser.Eval[bool](t, c.b, "(async () => { await ("+js+"); return true })()")
}

// do has also the commands "stand", once, after which the page's event loop stands
// still until the next command, "go on", which is nothing else, and "reload".
func (c *chromium) do(t *testing.T, command string) {
	t.Helper()
	if c.stood != nil {
		close(c.open)
		<-c.stood
		c.stood = nil
	}
	var (
		name string
		a, b int
	)
	_, _ = fmt.Sscan(command, &name, &a, &b) // those that there are
	switch name {
	case "stand":
		c.stood = make(chan struct{})
		go func() {
			defer close(c.stood)
			c.eval(t, fmt.Sprintf(`(() => { const r = new XMLHttpRequest(); r.open('GET', %q, false); r.send() })()`, c.gate))
		}()
		select {
		case <-c.asked:
		case <-c.stood: // it failed
		}
	case "close":
		if a == 0 {
			c.eval(t, `ws.close()`)
		} else {
			c.eval(t, fmt.Sprintf(`ws.close(%d)`, a))
		}
	case "send":
		c.eval(t, fmt.Sprintf(`(() => { for (let i = 0; i < %d; i++) ws.send(new Uint8Array(%d)) })()`, a, b))
	case "go":
	case "reload":
		c.eval(t, `location.reload()`)
	default:
		t.Errorf("no command %q", command)
	}
}

func (c *chromium) kill() {}

// servePage is the handler of an empty page below /page, else next.
func servePage(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<!DOCTYPE html><title>peer</title><link rel=icon href=data:,>")
	})
	mux.Handle("/", next)
	return mux
}

// soon is a context that ends before go test gives up.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
