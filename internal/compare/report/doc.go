// Package report shows what a comparison found out ([result.Result]): as tables for a
// terminal ([Table]), as one HTML file with plots ([HTML]), as a list of what changed
// against an older report ([Changes]), and as progress while it still runs
// ([NewProgress]). It measures nothing and decides nothing: order, ties and noise are the
// result's.
//
// Three rules hold for all of them:
//
//   - A row that is not there is said to be not there, with the reason.
//   - A place is shown only if the samples support it: "=" beside a row that cannot be
//     told from the one above, and no place for a row that is too noisy.
//   - Sentences about the data are made from the data, out of rows that are not noisy. What
//     can be taken away without the rest (a sentence, a plot) says what it was taken on.
//
// Words of engines and of old files are foreign: [clean] takes control characters out of
// them before they reach a terminal, and html/template escapes them in the page.
//
// Read first: view.go, the rows that tables and page share; then table.go or html.go.
package report
