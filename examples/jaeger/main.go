// Jaeger runs the real Jaeger, reachable from this machine alone, with its spans in
// memory:
//
//	go run -C examples/jaeger .
//
// The first run builds it from its module, which takes minutes. The Go command checks the
// module and its dependencies against the checksum database. Ctrl-C ends Jaeger, and its
// spans are lost.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main without the exit, so that it can be tested. It returns the exit code: 2 for
// wrong flags, 1 for any other error.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var p ports
	fs := flag.NewFlagSet("jaeger", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.IntVar(&p.grpc, "grpc", 4317, "take OTLP by gRPC on this `port`")
	fs.IntVar(&p.http, "http", 4318, "take OTLP by HTTP on this `port`")
	fs.IntVar(&p.query, "query", 16686, "answer queries on this `port`")
	sample := fs.Bool("sample", false, "keep the traces with a long block, a stall or a failure, and 1 % of the rest, as tail-sampling.yaml says")
	page := fs.String("ui", "../../docs/jaeger-ui.json", "configure Jaeger's page by this `file`; an empty name leaves it as it is")
	build := fs.Bool("build", false, "build Jaeger, print the program's path, and end")
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fs.SetOutput(stdout)
		fs.Usage()
		return 0
	case err == nil && fs.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", fs.Arg(0))
	}
	if err != nil {
		fmt.Fprintf(stderr, "jaeger: %v (-help lists the flags)\n", err)
		return 2
	}
	if *build {
		err = buildOnly(ctx, stdout, stderr)
	} else {
		err = serve(ctx, p, *page, *sample, stdout, stderr)
	}
	if err != nil && ctx.Err() == nil { // unless interrupted
		fmt.Fprintf(stderr, "jaeger: %v\n", err)
		return 1
	}
	return 0
}

// buildOnly builds Jaeger if needed, and prints the program's path.
func buildOnly(ctx context.Context, stdout, stderr io.Writer) error {
	program, err := ensure(ctx, stderr)
	if err == nil {
		fmt.Fprintln(stdout, program)
	}
	return err
}

// serve runs Jaeger until ctx ends.
func serve(ctx context.Context, p ports, page string, sample bool, stdout, stderr io.Writer) error {
	if err := p.free(ctx); err != nil {
		return err
	}
	if page != "" {
		if _, err := os.Stat(page); err != nil {
			return fmt.Errorf("the page's configuration: %w; -ui names another", err)
		}
	}
	program, err := ensure(ctx, stderr)
	if err != nil {
		return err
	}
	j, err := start(ctx, program, p, page, sample)
	if err != nil {
		return err
	}
	if err := j.ready(ctx, p); err != nil {
		return err
	}
	fmt.Fprintf(stdout, `Jaeger %s is ready (%s).
  spans    OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:%d, or %d with OTEL_EXPORTER_OTLP_PROTOCOL=grpc
  queries  http://127.0.0.1:%d
Ctrl-C ends it, and its spans with it.
`, version, program, p.http, p.grpc, p.query)
	return j.wait()
}
