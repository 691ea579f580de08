// Package query reads spans from the query API of Jaeger or Tempo into a
// [chain.Collection]: one trace by its id, or the traces of a service, an operation, tags
// and a time, page by page.
//
//	var spans chain.Collection
//	q := query.Query{Service: "socket_start", Since: time.Hour}
//	report, err := query.Read(ctx, &spans, "http://localhost:16686", q)
//	…
//	c := spans.Chain()
//
// It is a package of its own, so that package chain does not need net/http.
//
// A server that sends nothing for 10 seconds ([WithSilence]) ends the query with an error.
// The spans so far stay in the collection.
package query
