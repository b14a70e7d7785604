package sql

// Literal makes an SQL string literal of any text, for programs that write queries: what they were given cannot end it. A query has no
// parameters, because the planner prunes by the values that stand in its text.
func Literal(text string) string { return quote(text) }
