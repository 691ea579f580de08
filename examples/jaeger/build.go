package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// The newest release of the module that can be downloaded as one.
const (
	module  = "github.com/jaegertracing/jaeger"
	version = "v1.76.0"
)

// ensure returns the path of Jaeger's program. If the user's cache does not have it,
// ensure builds it, which takes minutes, and writes so to log.
func ensure(ctx context.Context, log io.Writer) (program string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "wakechain", "jaeger", version)
	program = filepath.Join(dir, "jaeger-"+runtime.GOOS+"-"+runtime.GOARCH)
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	// Build beside the final name and rename: the cache never holds a partial program,
	// even if several processes build at once.
	aside, err := os.MkdirTemp(dir, "build")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(aside)
	built := filepath.Join(aside, filepath.Base(program))
	if err := build(ctx, built, log); err != nil {
		return "", fmt.Errorf("build %s %s: %w", module, version, err)
	}
	return program, os.Rename(built, program)
}

// build downloads the module and builds its program. `go install` refuses a module with a
// replace directive. So build runs in the module's own folder, with the versions and
// checksums of its go.mod and go.sum.
func build(ctx context.Context, program string, log io.Writer) error {
	fmt.Fprintf(log, "Building %s %s: once, some minutes.\n", module, version)
	start := time.Now()
	out, err := command(ctx, ".", "mod", "download", "-json", module+"@"+version)
	if err != nil {
		return err
	}
	var got struct{ Dir, Sum string }
	if err := json.Unmarshal(out, &got); err != nil {
		return err
	}
	if _, err := command(ctx, got.Dir, "build", "-trimpath", "-ldflags=-s -w", "-o", program, "./cmd/jaeger"); err != nil {
		return err
	}
	info, err := os.Stat(program)
	if err != nil {
		return err
	}
	fmt.Fprintf(log, "Built %s %s (%s) by %s in %.0f s: %d MB.\n",
		module, version, got.Sum, runtime.Version(), time.Since(start).Seconds(), info.Size()>>20)
	return nil
}

// command runs the go command in dir and returns its standard output. If the go command
// fails, the error has the last lines of its output.
func command(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		lines := strings.Split(strings.TrimSpace(stderr.String()+stdout.String()), "\n")
		return nil, errors.New(strings.Join(append([]string{"go " + args[0] + ": " + err.Error()}, lines[max(0, len(lines)-5):]...), "\n"))
	}
	return stdout.Bytes(), nil
}
