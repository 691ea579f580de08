package main

import (
	"io"
	"os"

	"github.com/wakechain/wakechain/trace/chain"
	"github.com/wakechain/wakechain/trace/chain/traceevent"
)

// exports write spans in formats for other programs.
var exports = map[string]func(io.Writer, *stuff) error{
	"otlp":     func(w io.Writer, in *stuff) error { return chain.WriteOTLP(w, in.spans.Spans()) },
	"perfetto": traceEvents,
	"chrome":   traceEvents, // the same format
}

func traceEvents(w io.Writer, in *stuff) error { return traceevent.Write(w, in.spans.Chain()) }

var exportNames = []string{"perfetto", "chrome", "otlp"}

var exportVerb = &verb{
	name: "export", args: "[SOURCE…]", short: "write the spans in a format for other programs",
	long: "perfetto and chrome are the Trace Event Format, for https://ui.perfetto.dev and chrome://tracing: a track for each goroutine, an arrow from what woke it; a block that has not ended stays open. otlp is OTLP/JSON, one export per line, as the Collector's file exporter writes and any OpenTelemetry backend takes.\n\n" + sourceHint,
	examples: []example{
		{"wakechain export -to perfetto -o stall.trace.json spans.json", "to open at https://ui.perfetto.dev"},
		{"wakechain export -to otlp -o one.json server.json client.json.gz", "several sources as one file"},
		{"wakechain export -to otlp -service socket_get -o trace.json http://127.0.0.1:16686", "keep a trace of Jaeger as a file"},
	},
	setup: func(f *flags) {
		f.timed()
		f.query.add(f.set)
		to, output := "perfetto", ""
		f.set.Var(choice{&to, exportNames}, "to", "the `format`")
		f.set.StringVar(&output, "o", "", "write to this `file`, and not to standard output")
		f.run = func(s *session, args []string) error {
			in, err := s.read(args)
			if err != nil {
				return err
			}
			write := func(w io.Writer) error { return exports[to](w, in) }
			if output == "" {
				err = write(s.out)
			} else {
				err = toFile(output, func(f *os.File) error { return write(f) })
			}
			if err != nil {
				return err
			}
			return s.end(false)
		}
	},
}
