package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

//go:embed config.yaml
var config string

//go:embed tail-sampling.yaml
var tailSampling string

// ports are the TCP ports on 127.0.0.1 that Jaeger listens on.
type ports struct{ grpc, http, query int }

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// free returns an error that names the first port in use and the flag that changes it.
func (p ports) free(ctx context.Context) error {
	for _, want := range []struct {
		flag string
		port int
	}{{"grpc", p.grpc}, {"http", p.http}, {"query", p.query}} {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address(want.port))
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("port %d is in use; -%s takes another", want.port, want.flag)
		}
		if err != nil {
			return err
		}
		l.Close()
	}
	return nil
}

// process is a running Jaeger.
type process struct {
	cmd  *exec.Cmd
	log  bytes.Buffer // its output; may be read once done is closed
	done chan struct{}
}

// patience is how long Jaeger may take to start, and how long to end.
const patience = 30 * time.Second

// start starts Jaeger, with tail sampling if sample is set. page names the file with the
// page's configuration; "" means Jaeger's own. When ctx ends, Jaeger is interrupted.
func start(ctx context.Context, program string, p ports, page string, sample bool) (*process, error) {
	args := []string{"--config=env:JAEGER_CONFIG"}
	if sample {
		args = append(args, "--config=env:JAEGER_TAIL_SAMPLING")
	}
	j := &process{done: make(chan struct{})}
	j.cmd = exec.CommandContext(ctx, program, args...)
	j.cmd.Env = append(os.Environ(), "JAEGER_CONFIG="+config, "JAEGER_TAIL_SAMPLING="+tailSampling, "JAEGER_UI_CONFIG="+page,
		fmt.Sprintf("JAEGER_GRPC_PORT=%d", p.grpc), fmt.Sprintf("JAEGER_HTTP_PORT=%d", p.http), fmt.Sprintf("JAEGER_QUERY_PORT=%d", p.query))
	j.cmd.Stdout, j.cmd.Stderr = &j.log, &j.log
	j.cmd.Cancel = func() error {
		if err := j.cmd.Process.Signal(os.Interrupt); err != nil {
			return j.cmd.Process.Kill() // Windows has no interrupt
		}
		return nil
	}
	j.cmd.WaitDelay = patience
	if err := j.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = j.cmd.Wait() // the error is in ProcessState
		close(j.done)
	}()
	return j, nil
}

// ready waits until Jaeger accepts spans and answers queries, for patience at most.
func (j *process) ready(ctx context.Context, p ports) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("it is not ready"))
	defer cancel()
	for tick := time.Tick(20 * time.Millisecond); ; {
		if accepts(ctx, p.grpc) && accepts(ctx, p.http) && answers(ctx, p.query) {
			return nil
		}
		select {
		case <-tick:
		case <-j.done:
			return j.wait()
		case <-ctx.Done():
			_ = j.cmd.Cancel()
			return errors.Join(context.Cause(ctx), j.wait())
		}
	}
}

func accepts(ctx context.Context, port int) bool {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address(port))
	if err != nil {
		return false
	}
	return c.Close() == nil
}

func answers(ctx context.Context, port int) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address(port)+"/api/services", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// wait waits until Jaeger has ended. Its error has the exit status and the last lines of
// output.
func (j *process) wait() error {
	<-j.done
	lines := strings.Split(strings.TrimSpace(j.log.String()), "\n")
	return fmt.Errorf("it ended (%v)\n%s", j.cmd.ProcessState, strings.Join(lines[max(0, len(lines)-5):], "\n"))
}
