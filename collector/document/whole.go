package document

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/k8sq/k8sq/lake"
)

// Whole puts the canonical whole together again from the stored columns. It equals what Normalize gave as Object.Whole.
// An error means that the columns are not what a Normalizer wrote.
func Whole(identity lake.Identity, state lake.State) ([]byte, error) {
	w, err := rewrite(identity, state, nil)
	if err != nil {
		return nil, err
	}
	return w.out, nil
}

// DigestOf computes the digest from the stored columns, without the fields to ignore. It equals Object.Digest, unless the columns were changed since.
func DigestOf(identity lake.Identity, state lake.State, ignore *Ignore) (string, error) {
	w, err := rewrite(identity, state, ignore)
	if err != nil {
		return "", err
	}
	return w.digest(sha256.New(), nil), nil
}

func rewrite(identity lake.Identity, state lake.State, ignore *Ignore) (*writer, error) {
	n := Normalizer{hash: sha256.New()}
	if _, err := n.tree.assemble(nil, state); err != nil {
		return nil, fmt.Errorf("read the stored %s %s: %w", identity.Kind, identity.ResourceID, err)
	}
	ignore.flag(&n.tree, ignored)
	n.write(resourceOf(identity))
	return &n.writer, nil
}

// assemble parses the four columns as one object. It makes the document in buffer, which it gives back, grown, and which must stay
// unchanged while the tree is used.
func (t *tree) assemble(buffer []byte, state lake.State) ([]byte, error) {
	buffer = append(buffer[:0], '{')
	for _, column := range [...]struct {
		name string
		json []byte
	}{{"metadata", state.Metadata}, {"spec", state.Spec}, {"status", state.Status}} {
		if len(column.json) == 0 {
			continue
		}
		if len(buffer) > 1 {
			buffer = append(buffer, ',')
		}
		buffer = append(appendQuoted(buffer, column.name), ':')
		buffer = append(buffer, column.json...)
	}
	if len(state.Fields) > 0 {
		if len(state.Fields) < 2 || state.Fields[0] != '{' || state.Fields[len(state.Fields)-1] != '}' {
			return buffer, errors.New("the column fields is not a JSON object")
		}
		if inner := state.Fields[1 : len(state.Fields)-1]; len(inner) > 0 {
			if len(buffer) > 1 {
				buffer = append(buffer, ',')
			}
			buffer = append(buffer, inner...)
		}
	}
	buffer = append(buffer, '}')
	if err := t.parse(buffer); err != nil {
		return buffer, fmt.Errorf("its columns are not JSON: %w", err)
	}
	return buffer, nil
}
