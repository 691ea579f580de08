// Package query reads spans from the query API of a Jaeger or of a Tempo into a
// [chain.Collection]: one trace by its id, or those of a service, an operation, tags
// and a time, page by page.
//
//	var spans chain.Collection
//	q := query.Query{Service: "socket_start", Since: time.Hour}
//	report, err := query.Read(ctx, &spans, "http://localhost:16686", q)
//	…
//	c := spans.Chain()
//
// It is a package of its own so that package chain does without net/http.
//
// A server that says nothing for 10 seconds ([WithSilence]) ends the query: with an
// error that says so, and the spans so far in the collection.
package query
