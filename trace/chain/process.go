package chain

import (
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// processes numbers the processes and the clocks of spans.
type processes struct {
	byResource map[resource]int32
	byName     map[process]int32
	byClock    map[clock]int32
	list       []process
	clocks     []int32 // by process
}

// resource identifies a resource by its slice. So the attributes of spans that share it
// need not be compared.
type resource struct {
	service string
	first   *attribute.KeyValue
	n       int
}

type process struct{ name, host string }

// clock is a machine or, if that is not known, a process.
type clock struct{ host, process string }

func newProcesses() *processes {
	return &processes{
		byResource: make(map[resource]int32),
		byName:     make(map[process]int32),
		byClock:    make(map[clock]int32),
	}
}

// assign sets the process and the clock of s and, if it is missing, its service.
func (p *processes) assign(s *Span) {
	if s.Service == "" {
		s.Service = str(s.Resource, semconv.ServiceNameKey)
	}
	key := resource{service: s.Service, n: len(s.Resource)}
	if key.n > 0 {
		key.first = &s.Resource[0]
	}
	n, ok := p.byResource[key]
	if !ok {
		n = p.add(process{s.Process(), s.host()})
		p.byResource[key] = n
	}
	s.proc, s.clock = n, p.clocks[n]
}

func (p *processes) add(who process) int32 {
	if n, ok := p.byName[who]; ok {
		return n
	}
	n := int32(len(p.list))
	p.byName[who] = n
	p.list = append(p.list, who)
	at := clock{host: who.host}
	if who.host == "" {
		at.process = who.name
	}
	c, ok := p.byClock[at]
	if !ok {
		c = int32(len(p.byClock))
		p.byClock[at] = c
	}
	p.clocks = append(p.clocks, c)
	return n
}
