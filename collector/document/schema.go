package document

// Schema is what matters of a kind's schema to a comparison.
type Schema struct{}
