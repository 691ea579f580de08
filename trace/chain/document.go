package chain

// document takes a top-level object, whatever it is of what Read can read, or the
// object inside of one that an API answers. The spans of OTLP in it are of the
// format f.
func (d *decoder) document(f Format, inside bool) {
	var jaeger jaegerTrace
	var std stdoutSpan
	known := false
	for name := range d.lex.Object {
		key := d.share(name) // the next call may move it
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

// answers are the fields of what APIs answer. Where there is nothing they may be
// null.
var answers = map[string]bool{"data": true, "errors": true, "result": true, "trace": true, "batches": true}

// serverError takes what an API answers in place of spans.
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

// note remembers the fields of the first object that has none of ours.
func (d *decoder) note(key string, known bool) {
	if !known && !d.known && len(d.fields) < maxFields {
		d.fields = append(d.fields, key)
	}
}

// maxFields is how many fields of an unknown object are kept, to say what it is.
const maxFields = 20
