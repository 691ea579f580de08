package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/wakechain/wakechain/trace/live"
)

// debugPath is the default path of a process's debug page.
const debugPath = "/debug/wakechain"

const viewText = `A URL is that of a page of package live (live.Handler), by default /debug/wakechain of its host. Several processes are joined to one view: then both ends of a connection are in it, and deadlocks across processes are found. A file with the page's JSON will do as well.`

var psVerb = &verb{
	name: "ps", args: "URL…", short: "show what is stuck right now in one process or several: who waits, for what, and who can end it",
	long: viewText + "\n\nWith -min the exit code is 3 if something has been stuck for so long: a goroutine that is blocked, and not merely idle between two messages.",
	examples: []example{
		{"wakechain ps http://127.0.0.1:6060/debug/wakechain", "all that waits in a process"},
		{"wakechain ps 127.0.0.1:6060 127.0.0.1:6061", "both ends together"},
		{"wakechain ps -min 5s http://127.0.0.1:6060", "what has been stuck for 5 s or longer; exit code 3 if there is something"},
	},
	setup: func(f *flags) {
		f.styled()
		f.timed()
		minimum := f.set.Duration("min", 0, "leave out waits that are shorter, as a `duration` such as 1.5s or 250ms")
		connection := f.set.String("connection", "", "show only what concerns the connection with this `id`")
		stacks := f.set.Bool("stacks", false, "also show the stack of each goroutine; this stops each process, for 100 ms if it has 10,000 goroutines")
		asJSON := f.set.Bool("json", false, "write the joined view as JSON: see docs/live.md")
		f.run = func(s *session, args []string) error {
			if *minimum < 0 {
				return usagef("-min is not negative")
			}
			v, failed, err := s.views(args, *stacks)
			if err != nil {
				return err
			}
			v = v.Filter(live.Filter{Min: *minimum, Connection: *connection})
			if *asJSON {
				err = json.NewEncoder(s.out).Encode(v)
			} else {
				err = v.WriteText(s.out, s.viewOptions()...)
			}
			switch {
			case err != nil:
				return err
			case *minimum > 0 && stuckFor(v, *minimum):
				return errFound
			case failed != nil:
				return fmt.Errorf("this is without what did not answer: %w", failed)
			default:
				return nil
			}
		}
	},
}

func (s *session) viewOptions() []live.TextOption {
	opts := []live.TextOption{live.WithWidth(s.columns())}
	if s.colored(s.out) {
		opts = append(opts, live.WithColor())
	}
	return opts
}

// stuckFor reports whether a goroutine has been blocked for d, without idle waits.
func stuckFor(v *live.View, d time.Duration) bool {
	for i := range v.Goroutines {
		for _, w := range v.Goroutines[i].Waits {
			if !w.Idle && w.Age >= d {
				return true
			}
		}
	}
	return false
}

// views returns the current views of all processes, joined. failed has the errors of those
// that did not answer. If none did, they are in err.
func (s *session) views(sources []string, stacks bool) (joined *live.View, failed, err error) {
	if len(sources) == 0 {
		return nil, nil, usagef("the URL of a debug page is missing, such as http://127.0.0.1:6060/debug/wakechain")
	}
	all, errs := make([]*live.View, len(sources)), make([]error, len(sources))
	var wg sync.WaitGroup
	for i, source := range sources {
		wg.Go(func() { all[i], errs[i] = s.view(source, stacks) })
	}
	wg.Wait()
	failed = errors.Join(errs...)
	all = slices.DeleteFunc(all, func(v *live.View) bool { return v == nil })
	switch len(all) {
	case 0:
		return nil, nil, failed
	case 1:
		return all[0], failed, nil
	default:
		return live.Join(all...), failed, nil
	}
}

// maxView is the maximum size of a view, in bytes.
const maxView = 256 << 20

func (s *session) view(source string, stacks bool) (*live.View, error) {
	if source != "-" && !isURL(source) && !isFile(source) {
		source = "http://" + source
	}
	if isURL(source) {
		u, err := parseURL(source)
		if err != nil {
			return nil, err
		}
		source = viewURL(u, stacks)
	}
	in, err := s.open(source)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	m := &meter{Reader: in} // for its head
	v := new(live.View)
	switch err := json.NewDecoder(io.LimitReader(m, maxView)).Decode(v); {
	case err != nil && in.named(err):
		return nil, err
	case !isView(m.head):
		return nil, fmt.Errorf("%s: this is not the debug page of package live", in.name)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", in.name, err)
	case v.Version != live.Version:
		return nil, fmt.Errorf("%s: its version is %d, and this command knows %d: use a wakechain as old as the program", in.name, v.Version, live.Version)
	}
	if err := sound(v, in.name); err != nil {
		return nil, err
	}
	return v, nil
}

// sound checks the values that are used as an index.
func sound(v *live.View, name string) error {
	for i := range v.Goroutines {
		if p := v.Goroutines[i].Process; p < 0 || p >= len(v.Processes) {
			return fmt.Errorf("%s: a goroutine is of process %d of %d", name, p, len(v.Processes))
		}
	}
	for i := range v.Connections {
		if p := v.Connections[i].Process; p < 0 || p >= len(v.Processes) {
			return fmt.Errorf("%s: a connection is of process %d of %d", name, p, len(v.Processes))
		}
	}
	return nil
}

// viewURL returns the URL of a process's view as JSON.
func viewURL(u *url.URL, stacks bool) string {
	if u.Path == "" || u.Path == "/" {
		u.Path = debugPath
	}
	q := u.Query()
	q.Set("format", "json")
	if stacks {
		q.Set("stacks", "1")
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// isFile distinguishes a file from a host with a port, such as 127.0.0.1:6060.
func isFile(source string) bool {
	if _, err := os.Stat(source); err == nil {
		return true
	}
	host, _, _ := strings.Cut(source, "/")
	_, port, err := net.SplitHostPort(host)
	return err != nil || strings.Trim(port, "0123456789") != ""
}
