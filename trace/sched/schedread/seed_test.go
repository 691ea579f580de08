package schedread_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	rtrace "runtime/trace"

	"nhooyr.io/websocket"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/explain"
	"github.com/wakechain/wakechain/trace/semconv"
)

// The two programs of the story use nhooyr.io/websocket without wakechain. They run as
// processes of their own, and take commands.

// socketStart writes for ever to each client.
func socketStart() error {
	rec := rtrace.NewFlightRecorder(rtrace.FlightRecorderConfig{MinAge: time.Minute, MaxBytes: 32 << 20})
	if err := rec.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { //nolint:gosec // for the test alone
			c, err := websocket.Accept(w, r, nil)
			if err == nil {
				err = senData(c)
			}
			ended <- err
		}))
	}()
	fmt.Println("ws://" + l.Addr().String())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); fmt.Println("done") {
		switch word, file, _ := strings.Cut(in.Text(), " "); word {
		case "parked":
			for len(stacksOf("[IO wait", "senData")) == 0 {
				<-time.After(time.Millisecond)
			}
		case "ended":
			<-ended
		case "write":
			f, err := os.Create(file)
			if err != nil {
				return err
			}
			if _, err := rec.WriteTo(f); err != nil {
				return err
			}
			if err := f.Close(); err != nil {
				return err
			}
		}
	}
	return nil
}

//go:noinline
func senData(c *websocket.Conn) error {
	defer c.CloseNow()
	for p := make([]byte, 1<<16); ; {
		if err := c.Write(context.Background(), websocket.MessageBinary, p); err != nil {
			return err
		}
	}
}

// socketGet reads three messages, then stops, and closes after a line of input.
func socketGet(url string) error {
	c, _, err := websocket.Dial(context.Background(), url, nil)
	if err != nil {
		return err
	}
	c.SetReadLimit(1 << 20)
	for range 3 {
		if _, _, err := c.Read(context.Background()); err != nil {
			return err
		}
	}
	fmt.Println("read")
	bufio.NewScanner(os.Stdin).Scan()
	return c.CloseNow()
}

func TestMain(m *testing.M) {
	var err error
	switch role, url, _ := strings.Cut(os.Getenv("WAKECHAIN_SEED"), " "); role {
	case "":
		verify(m)
		return
	case "socket_start":
		err = socketStart()
	case "socket_get":
		err = socketGet(url)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// program is one of the two, as a process.
type program struct {
	t   *testing.T
	in  interface{ Write([]byte) (int, error) }
	out *bufio.Scanner
}

func launch(t *testing.T, role string) *program {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // this test
	cmd.Env, cmd.Stderr = append(os.Environ(), "WAKECHAIN_SEED="+role), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return &program{t, in, bufio.NewScanner(out)}
}

// line waits for the program's next line.
func (p *program) line() string {
	p.t.Helper()
	if !p.out.Scan() {
		p.t.Fatal("the program ended: ", p.out.Err())
	}
	return p.out.Text()
}

func (p *program) do(command string) {
	p.t.Helper()
	if _, err := p.in.Write([]byte(command + "\n")); err != nil {
		p.t.Fatal(err)
	}
	p.line()
}

// The execution trace of the sender says why it is stuck and what wakes it, though neither
// program knows wakechain.
func TestSeed(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("others buffer without end on the loopback")
	}
	start := launch(t, "socket_start")
	get := launch(t, "socket_get "+start.line())
	get.line()
	start.do("parked")
	files := [2]string{filepath.Join(t.TempDir(), "stuck"), filepath.Join(t.TempDir(), "woken")}
	start.do("write " + files[0])
	if _, err := get.in.Write([]byte("close\n")); err != nil {
		t.Fatal(err)
	}
	start.do("ended")
	start.do("write " + files[1])

	for i, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c := chain.New(read(t, data).Spans())
		var last *chain.Span // of the sender's writes that had to wait
		for _, op := range c.Named(string(semconv.ReasonNetWrite)) {
			if strings.HasSuffix(op.Str(semconv.CodeStacktraceKey), "http.(*conn).serve\n") || strings.Contains(op.Str(semconv.CodeStacktraceKey), "senData") {
				last = op
			}
		}
		if last == nil {
			t.Fatalf("no write waited:\n%v", c)
		}
		if fn := last.Str(semconv.CodeStacktraceKey); !strings.Contains(fn, "senData") || !strings.Contains(fn, "nhooyr.io/websocket.(*Conn).Write") {
			t.Errorf("the stack of the write is %s", fn)
		}
		if over := !last.End.IsZero(); over != (i == 1) {
			t.Errorf("the write is over: %v, of the trace %s", over, filepath.Base(file))
		}
		if got := line(last); i == 1 && strings.Contains(got, " by ") {
			t.Errorf("%s: of a wake by the network nobody is known", got)
		}
		stuck := 0
		for _, f := range explain.Explain(c) {
			if f.Rule == explain.Stuck && strings.Contains(f.Headline, string(semconv.ReasonNetWrite)) {
				stuck++
				t.Logf("\n%v", f)
			}
		}
		if i == 1 && stuck > 0 {
			t.Error("a write that is over is stuck")
		}
	}
}
