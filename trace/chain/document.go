package chain

// document takes a top-level object, whatever it is of what Read can read, or the
// object inside of one that an API answers. The spans of OTLP in it are of the
// format f.
func (d *decoder) document(f Format, inside bool) {
	var jaeger jaegerTrace
	var std stdoutSpan
	if !d.lex.Enter('{') {
		return
	}
	known := false
	for d.lex.More('}') {
		key := d.lex.Key()
		at := d.lex.Peek()
		switch {
		case string(key) == "resourceSpans":
			d.resourceSpans(f)
		case string(key) == "batches" && at == '[':
			d.resourceSpans(FormatTempo)
		case string(key) == "result" && at == '{' && !inside: // of /api/v3
			d.document(FormatJaeger, true)
		case string(key) == "trace" && at == '{' && !inside:
			d.document(FormatTempo, true)
		case string(key) == "data" && at == '[':
			d.jaegerTraces()
		case string(key) == "spans" && at == '[', string(key) == "processes" && at == '{':
			d.jaegerField(&jaeger, key)
		case string(key) == "errors" && at == '[':
			for d.lex.Enter('['); d.lex.More(']'); {
				d.serverError()
			}
		case string(key) == "error" && at == '{':
			d.serverError()
		case d.stdoutField(&std, key):
		case at == 'n' && answers[string(key)]:
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
	d.lex.Enter('{')
	for d.lex.More('}') {
		switch string(d.lex.Key()) {
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
func (d *decoder) note(key []byte, known bool) {
	if !known && !d.known && len(d.fields) < maxFields {
		d.fields = append(d.fields, d.share(key))
	}
}

// maxFields is how many fields of an unknown object are kept, to say what it is.
const maxFields = 20
