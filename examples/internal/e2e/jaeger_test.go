package e2e_test

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"testing"

	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/wakechain/wakechain/examples/internal/loopback"
	"github.com/wakechain/wakechain/trace/chain"
)

// jaeger is a Jaeger, or the ports where one will be.
type jaeger struct {
	t                 *testing.T
	grpc, http, query string
}

// pageConfig is the configuration of Jaeger's page.
const pageConfig = "../../../docs/jaeger-ui.json"

func newJaeger(t *testing.T) *jaeger {
	ports := loopback.Ports(t, 3)
	return &jaeger{t, ports[0], ports[1], ports[2]}
}

// start starts it, with more arguments. It ends with the test, as on Ctrl-C.
func (j *jaeger) start(args ...string) {
	j.t.Helper()
	p := start(j.t, nil, "jaeger", append(args, "-grpc", j.grpc, "-http", j.http, "-query", j.query, "-ui", pageConfig)...)
	j.t.Cleanup(func() {
		p.interrupt()
		<-p.done
		if code := p.cmd.ProcessState.ExitCode(); code != 0 {
			j.t.Errorf("Jaeger: exit code %d; %s", code, &p.stderr)
		}
		if c, err := net.Dial("tcp", "127.0.0.1:"+j.query); err == nil {
			c.Close()
			j.t.Error("Jaeger runs on after Ctrl-C")
		}
	})
	p.says("is ready")
}

// protocols are the ways for spans. The last one is that of lean spans and package
// otlp's exporter.
var protocols = []string{"http/protobuf", "grpc", "wakechain"}

// env makes a program send its spans here, by the protocol or by the default one.
func (j *jaeger) env(protocol ...string) []string {
	if slices.Contains(protocol, "grpc") {
		return []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:" + j.grpc, "OTEL_EXPORTER_OTLP_PROTOCOL=grpc"}
	}
	env := []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:" + j.http}
	if slices.Contains(protocol, "wakechain") {
		env = append(env, "OTEL_TRACES_EXPORTER=wakechain")
	}
	return env
}

func (j *jaeger) url() string { return "http://127.0.0.1:" + j.query }

// get asks the query API, and reports whether there was an answer.
func (j *jaeger) get(path string, query url.Values, read func(*http.Response) error) bool {
	j.t.Helper()
	resp, err := http.Get(j.url() + path + "?" + query.Encode())
	if err != nil {
		j.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNotFound {
		return false
	}
	if resp.StatusCode != http.StatusOK {
		j.t.Fatalf("%s: %s", path, resp.Status)
	}
	if err := read(resp); err != nil {
		j.t.Fatalf("%s: %v", path, err)
	}
	return true
}

// trace returns a trace as it was sent, with its links and nanoseconds; none if
// Jaeger does not know it.
func (j *jaeger) trace(id oteltrace.TraceID) (spans []chain.Span) {
	j.t.Helper()
	j.get("/api/v3/traces/"+id.String(), url.Values{"raw_traces": {"true"}}, func(r *http.Response) (err error) {
		spans, _, err = chain.Read(r.Body)
		return err
	})
	return spans
}

// page returns a trace as Jaeger's page gets it, and what it warns of.
func (j *jaeger) page(id oteltrace.TraceID) (spans []chain.Span, warnings []string) {
	j.t.Helper()
	read := func(r *http.Response) error {
		var answer struct {
			Data []struct {
				Warnings []string
				Spans    []struct {
					OperationName string
					SpanID        string
					Warnings      []string
					References    []struct{ RefType, TraceID, SpanID string }
				}
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
			return err
		}
		for _, t := range answer.Data {
			warnings = append(warnings, t.Warnings...)
			names := map[string]string{}
			for _, s := range t.Spans {
				names[s.SpanID] = s.OperationName
			}
			for _, s := range t.Spans {
				warnings = append(warnings, s.Warnings...)
				// The page takes the first reference for the parent. The rest of a goroutine
				// links to its parent, which has its name.
				if r := s.References; len(r) > 0 && r[0].RefType != "CHILD_OF" && r[0].TraceID == id.String() && names[r[0].SpanID] != s.OperationName {
					j.t.Errorf("%s has no parent, and a link to its own trace", s.OperationName)
				}
			}
		}
		return nil
	}
	j.get("/api/traces/"+id.String(), nil, read)
	j.get("/api/traces/"+id.String(), nil, func(r *http.Response) (err error) {
		spans, _, err = chain.Read(r.Body)
		return err
	})
	return spans, warnings
}

// search returns the ids of the traces that Jaeger finds.
func (j *jaeger) search(query url.Values) (ids []string) {
	j.t.Helper()
	j.get("/api/traces", query, func(r *http.Response) error {
		var answer struct{ Data []struct{ TraceID string } }
		err := json.NewDecoder(r.Body).Decode(&answer)
		for _, t := range answer.Data {
			ids = append(ids, t.TraceID)
		}
		return err
	})
	slices.Sort(ids)
	return ids
}

// fromFiles returns the spans that programs wrote to files: all that they made.
func fromFiles(t *testing.T, names ...string) []chain.Span {
	t.Helper()
	var all []chain.Span
	for _, name := range names {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		spans, _, err := chain.Read(f)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, spans...)
	}
	if len(all) == 0 {
		t.Fatalf("no spans in %v", names)
	}
	return all
}

func traceID(t *testing.T, hex string) oteltrace.TraceID {
	t.Helper()
	id, err := oteltrace.TraceIDFromHex(hex)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
