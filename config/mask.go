package config

import (
	"bytes"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/k8sq/k8sq/collector"
)

// A diagnostic shows the source line it speaks of, and that line may hold a credential: token = "…". So every value behind a name that
// sounds like one is replaced by (redacted), found by its tokens rather than in the syntax tree, because a line that does not
// parse is shown too. What is left of such a value is its shape and what only refers to a secret: env.NAME, function names, brackets.

// span is a run of bytes of the file.
type span struct{ from, to int }

const redacted = "(redacted)"

// sensitiveNames are the attributes of the definitions that are credentials by their Go type.
func sensitiveNames(definitions []collector.Definition) map[string]bool {
	names := map[string]bool{}
	secret := reflect.TypeFor[collector.Secret]()
	var visit func(reflect.Type)
	visit = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct {
			return
		}
		for i := range t.NumField() {
			field := t.Field(i)
			name, kind, _ := strings.Cut(field.Tag.Get("hcl"), ",")
			fieldType := field.Type
			for fieldType.Kind() == reflect.Pointer || fieldType.Kind() == reflect.Slice || fieldType.Kind() == reflect.Map {
				fieldType = fieldType.Elem()
			}
			switch {
			case name == "" && kind != "remain" && kind != "block":
			case fieldType == secret:
				names[name] = true
			case kind == "block":
				visit(fieldType)
			}
		}
	}
	for _, definition := range definitions {
		if config := definition.Config(); config != nil {
			visit(reflect.TypeOf(config))
		}
	}
	return names
}

// isSensitive tells whether a name is that of a credential. Names of files that hold one are not.
func isSensitive(name string, known map[string]bool) bool {
	name = strings.ToLower(strings.ReplaceAll(name, "-", "_"))
	if known[name] {
		return true
	}
	for _, word := range []string{"token", "kubeconfig", "password", "passwd", "secret", "key", "credential", "credentials", "data"} {
		// A misspelt name is an error whose line is shown: it must not cost the secret.
		if name == word || strings.HasSuffix(name, "_"+word) || len(word) > 4 && levenshtein.Distance(name, word, nil) < 3 {
			return true
		}
	}
	return strings.HasPrefix(name, "secret_") || name == "keys"
}

// findMasks finds what must not be shown of a file, in order.
func findMasks(source []byte, sensitive map[string]bool) []span {
	// Diagnostics of the lexer repeat the parser's.
	tokens, _ := hclsyntax.LexConfig(source, "", hcl.InitialPos)
	var masks []span
	for i := 0; i < len(tokens); i++ {
		name, next := keyAt(tokens, i)
		// What is encoded in the file itself is as good as a secret.
		call := isDecoder(tokens, i)
		if call {
			name, next = string(tokens[i].Bytes), i+1
		}
		if !call && (name == "" || !isSensitive(name, sensitive)) {
			continue
		}
		// A block of that name is looked into: its attributes have names of their own.
		if next < len(tokens) && tokens[next].Type == hclsyntax.TokenOBrace {
			continue
		}
		end := next
		for depth := 0; end < len(tokens); end++ {
			token := tokens[end]
			switch token.Type {
			case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc,
				hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
				depth++
			case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote, hclsyntax.TokenCHeredoc,
				hclsyntax.TokenTemplateSeqEnd:
				depth--
			}
			if depth < 0 || depth == 0 && (call || token.Type == hclsyntax.TokenNewline) {
				break
			}
			if mayShow(name, tokens, end) {
				continue
			}
			masks = append(masks, span{token.Range.Start.Byte, token.Range.End.Byte})
			if depth == 0 && token.Type == hclsyntax.TokenComment && bytes.HasSuffix(token.Bytes, []byte("\n")) {
				break
			}
		}
		i = end
	}
	return masks
}

// isDecoder tells whether a token calls a function that decodes text.
func isDecoder(tokens hclsyntax.Tokens, i int) bool {
	name := string(tokens[i].Bytes)
	return (name == "base64decode" || name == "jsondecode") && i+1 < len(tokens) && tokens[i+1].Type == hclsyntax.TokenOParen
}

// keyAt gives the name of an attribute or of an object's key that begins at a token, written plain or in quotes, and the token behind it. A
// name at the beginning of a line counts even without an equals sign: it may have been forgotten.
func keyAt(tokens hclsyntax.Tokens, i int) (name string, next int) {
	begins := i == 0
	if !begins {
		switch tokens[i-1].Type {
		case hclsyntax.TokenNewline, hclsyntax.TokenComment, hclsyntax.TokenOBrace:
			begins = true
		}
	}
	switch {
	case tokens[i].Type == hclsyntax.TokenIdent:
		name, next = string(tokens[i].Bytes), i+1
	case tokens[i].Type == hclsyntax.TokenOQuote && i+2 < len(tokens) && tokens[i+1].Type == hclsyntax.TokenQuotedLit && tokens[i+2].Type == hclsyntax.TokenCQuote:
		name, next = string(tokens[i+1].Bytes), i+3
	default:
		return "", 0
	}
	if begins {
		return name, next
	}
	if next < len(tokens) && (tokens[next].Type == hclsyntax.TokenEqual || tokens[next].Type == hclsyntax.TokenColon) {
		return name, next
	}
	return "", 0
}

// mayShow tells whether a token of a secret value says nothing of the secret.
func mayShow(name string, tokens hclsyntax.Tokens, i int) bool {
	token := tokens[i]
	switch token.Type {
	case hclsyntax.TokenIdent:
		if string(token.Bytes) == "env" {
			return true
		}
		if i >= 2 && tokens[i-1].Type == hclsyntax.TokenDot && string(tokens[i-2].Bytes) == "env" {
			return true
		}
		return i+1 < len(tokens) && tokens[i+1].Type == hclsyntax.TokenOParen
	case hclsyntax.TokenQuotedLit:
		if i >= 3 && tokens[i-2].Type == hclsyntax.TokenOParen && string(tokens[i-3].Bytes) == "file" {
			return true
		}
		return isKubeconfig(name) && isPath(string(token.Bytes))
	case hclsyntax.TokenEqual, hclsyntax.TokenColon, hclsyntax.TokenComma, hclsyntax.TokenDot, hclsyntax.TokenOQuote, hclsyntax.TokenCQuote,
		hclsyntax.TokenOBrace, hclsyntax.TokenCBrace, hclsyntax.TokenOBrack, hclsyntax.TokenCBrack, hclsyntax.TokenOParen, hclsyntax.TokenCParen,
		hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateSeqEnd, hclsyntax.TokenNewline, hclsyntax.TokenEOF,
		hclsyntax.TokenOHeredoc, hclsyntax.TokenCHeredoc:
		return true
	}
	return false
}

// A kubeconfig is a path or the content itself.
func isKubeconfig(name string) bool { return strings.HasPrefix(strings.ToLower(name), "kubeconfig") }

// isPath tells a kubeconfig's path from its content: it is short and has none of what any kubeconfig's text has. Nor is it what may
// be a token that was put into the wrong variable: a long word without a folder or an ending that such files have.
func isPath(text string) bool {
	if len(text) > 160 || strings.ContainsAny(text, ":{}\n") || strings.Contains(text, `\n`) {
		return false
	}
	return len(text) <= 20 || strings.ContainsAny(text, `/\`) || slices.Contains(kubeconfigEndings, filepath.Ext(text))
}

var kubeconfigEndings = []string{".yaml", ".yml", ".json", ".conf", ".config", ".kubeconfig"}

// withoutValue takes the value of a sensitive attribute out of what a definition's check says of it.
func withoutValue(detail, name string, value cty.Value, sensitive map[string]bool) string {
	if !isSensitive(name, sensitive) || value.IsNull() || !value.IsKnown() || value.Type() != cty.String {
		return detail
	}
	text := value.AsString()
	if text == "" || isKubeconfig(name) && isPath(text) {
		return detail
	}
	detail = strings.ReplaceAll(detail, text, redacted)
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); len(line) >= 6 {
			detail = strings.ReplaceAll(detail, line, redacted)
		}
	}
	return detail
}

// maskLine gives a line with every masked run of bytes replaced, and where in it the highlighted bytes are then.
func maskLine(source []byte, line, marked span, masks []span) SourceLine {
	var text strings.Builder
	from, to := -1, -1
	emit := func(piece span, replacement string) {
		if from < 0 && piece.to > marked.from {
			from = text.Len()
			if replacement == "" && marked.from > piece.from {
				from += len(printable(source[piece.from:marked.from]))
			}
		}
		if to < 0 && piece.to >= marked.to {
			to = text.Len()
			switch {
			case replacement != "":
				to += len(replacement)
			case marked.to > piece.from:
				to += len(printable(source[piece.from:marked.to]))
			}
		}
		if replacement != "" {
			text.WriteString(replacement)
		} else {
			text.WriteString(printable(source[piece.from:piece.to]))
		}
	}
	at := line.from
	for i := 0; i < len(masks); i++ {
		mask := span{max(masks[i].from, line.from), min(masks[i].to, line.to)}
		if mask.to <= mask.from {
			continue
		}
		// Neighbours are one: a value that is not quoted is many tokens.
		for i+1 < len(masks) && len(bytes.TrimSpace(source[masks[i].to:masks[i+1].from])) == 0 && masks[i+1].from < line.to {
			i++
			mask.to = min(max(masks[i].to, mask.to), line.to)
		}
		if mask.from > at {
			emit(span{at, mask.from}, "")
		}
		emit(mask, redacted)
		at = mask.to
	}
	if at < line.to {
		emit(span{at, line.to}, "")
	}
	shown := withoutUserInfo(text.String())
	if shown != text.String() || from < 0 {
		from, to = len(shown), len(shown)
	}
	if to < from {
		to = len(shown)
	}
	return SourceLine{Text: shown, From: min(from, len(shown)), To: min(to, len(shown))}
}
