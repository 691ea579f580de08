package chain

// document reads a top-level object of any format or, if inside, the object inside an API's
// answer. OTLP spans in it have the format f.
func (d *decoder) document(f Format, inside bool) {
	var jaeger jaegerTrace
	var std stdoutSpan
	known := false
	for name := range d.lex.Object {
		key := d.share(name) // the next call may overwrite name
		at := d.lex.Peek()
		switch {
		case key == "resourceSpans":
			d.resourceSpans(f)
		case key == "batches" && at == '[':
			d.resourceSpans(FormatTempo)
		case key == "result" && at == '{' && !inside: // of /api/v3
			d.document(FormatJaeger, true)
		case key == "trace" && at == '{' && !inside:
			d.document(FormatTempo, true)
		case key == "data" && at == '[':
			d.jaegerTraces()
		case key == "spans" && at == '[', key == "processes" && at == '{':
			d.jaegerField(&jaeger, key)
		case key == "errors" && at == '[':
			for range d.lex.Array {
				d.serverError()
			}
		case key == "error" && at == '{':
			d.serverError()
		case d.stdoutField(&std, key):
		case at == 'n' && answers[key]:
			d.lex.Skip()
		default:
			d.note(key, known)
			d.lex.Skip()
			continue
		}
		known = true
	}
	d.endJaeger(&jaeger)
	d.endStdout(&std)
	d.known = d.known || known
}

// answers are the fields of APIs' answers. They are null if there is nothing.
var answers = map[string]bool{"data": true, "errors": true, "result": true, "trace": true, "batches": true}

// serverError reads an error that an API answers in place of spans. The first message
// counts.
func (d *decoder) serverError() {
	if d.lex.Peek() != '{' {
		d.lex.Skip()
		return
	}
	for key := range d.lex.Object {
		switch string(key) {
		case "msg", "message":
			if d.lex.Peek() == '"' {
				if m := says(d.text()); d.server == "" {
					d.server = m
				}
				continue
			}
			d.lex.Skip()
		default:
			d.lex.Skip()
		}
	}
}

// note records an unknown field, as long as no object had a known one.
func (d *decoder) note(key string, known bool) {
	if !known && !d.known && len(d.fields) < maxFields {
		d.fields = append(d.fields, key)
	}
}

// maxFields is how many unknown fields are kept, to describe the source.
const maxFields = 20
