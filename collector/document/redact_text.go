package document

import (
	"bytes"
	"encoding/base64"
)

// Secrets within a longer text: only they are replaced, so that a change of what is around them still shows.

// text gives a text without the passwords of its URLs and without the values that it assigns to names as sensitive as that (harmless: none). Where
// nothing is replaced, changed is false. The result is valid until the next call.
func (r *redaction) text(text []byte, least sensitivity) (hidden []byte, changed bool) {
	if !r.rules.Keep.URLs && bytes.IndexByte(text, '@') > 0 {
		if out := r.userInfo(r.rewritten[:0], text); out != nil {
			r.rewritten, text, changed = out, out, true
		}
	}
	if least > harmless && mayAssign(text) {
		if out := r.assignments(r.assigned[:0], text, least); out != nil {
			r.assigned, text, changed = out, out, true
		}
	}
	if privateKeyIn(text) {
		return r.hideText(text), true
	}
	return text, changed
}

// mayAssign tells whether a text has a sign that assigns: =, or a colon before a space or a quote.
func mayAssign(text []byte) bool {
	if bytes.IndexByte(text, '=') >= 0 {
		return true
	}
	for {
		colon := bytes.IndexByte(text, ':')
		if colon < 0 || colon+1 == len(text) {
			return false
		}
		if c := text[colon+1]; c == ' ' || c == '"' || c == '\'' {
			return true
		}
		text = text[colon+1:]
	}
}

func privateKeyIn(text []byte) bool {
	return len(text) > 64 && bytes.Contains(text, []byte("PRIVATE KEY-----"))
}

// userInfo writes a text without the passwords of its URLs (scheme://user:password@host) and of its data source names
// (user:password@tcp(host)); nil where there is none.
func (r *redaction) userInfo(out, text []byte) []byte {
	hidden := false
	rest := text
	for {
		from, to, found := nextPassword(rest)
		if !found {
			break
		}
		if secret := rest[from:to]; isPlaceholder(secret) || isReference(secret) {
			out = append(out, rest[:to]...)
		} else {
			out = append(append(out, rest[:from]...), r.hideText(secret)...)
			hidden = true
		}
		rest = rest[to:]
	}
	if !hidden {
		return nil
	}
	return append(out, rest...)
}

// longUser is from which length a user without a password is taken for a token: https://<token>@github.com.
const longUser = 20

// longestURL is how much of a URL is looked at.
const longestURL = 4096

// nextPassword finds the first password in a text's URLs.
func nextPassword(text []byte) (from, to int, found bool) {
	for at := 0; at < len(text); {
		scheme := bytes.Index(text[at:], []byte("://"))
		if scheme < 0 {
			break
		}
		begin := at + scheme + len("://")
		end := begin
		for end < len(text) && end-begin < longestURL && text[end] > ' ' && bytes.IndexByte([]byte("\"'`<>\\"), text[end]) < 0 {
			end++
		}
		authority := text[begin:end]
		if next := bytes.Index(authority, []byte("://")); next >= 0 {
			authority = authority[:next] // several, with commas between them
		}
		slash := bytes.IndexAny(authority, "/?#")
		if slash < 0 {
			slash = len(authority)
		}
		sign := bytes.LastIndexByte(authority[:slash], '@')
		colon := bytes.IndexByte(authority[:slash], ':')
		if sign < 0 && colon >= 0 && !only(authority[colon+1:slash], ",", false) && authority[0] != '[' {
			sign = bytes.LastIndexByte(authority, '@') // a password with a slash in it, unescaped
		}
		switch {
		case sign <= 0, isPlaceholder(authority[:sign]):
		case colon >= 0 && colon < sign-1:
			return begin + colon + 1, begin + sign, true
		case colon < 0 && sign >= longUser:
			return begin, begin + sign, true
		}
		at = begin
	}
	for _, network := range [...]string{"@tcp(", "@unix("} {
		if sign := bytes.Index(text, []byte(network)); sign > 0 {
			if colon := bytes.IndexByte(text[:sign], ':'); colon >= 0 && colon < sign-1 && bytes.IndexByte(text[colon:sign], '/') < 0 {
				return colon + 1, sign, true
			}
		}
	}
	return 0, 0, false
}

// assignments writes a text without the values that it assigns to names as sensitive as that: --password=x, export TOKEN=x; a connection
// string's Password=x;, a line "password: x" of YAML, "password": "x" of JSON; nil where there is none.
func (r *redaction) assignments(out, text []byte, least sensitivity) []byte {
	written := 0
	for at := 0; at < len(text); at++ {
		sign := text[at]
		if sign != '=' && sign != ':' {
			continue
		}
		if sign == ':' && at+1 < len(text) && text[at+1] != ' ' && text[at+1] != '"' && text[at+1] != '\'' {
			continue // a colon that assigns is followed by a space, or by a quote in JSON
		}
		nameEnd := at
		quoted := nameEnd > 0 && (text[nameEnd-1] == '"' || text[nameEnd-1] == '\'')
		if quoted {
			nameEnd--
		}
		if sign == '=' {
			nameEnd = len(bytes.TrimRight(text[:nameEnd], " ")) // properties: name = value
		}
		nameStart := nameEnd
		for nameStart > 0 && (isLetter(text[nameStart-1]) || isDigit(text[nameStart-1]) || bytes.IndexByte([]byte("_.-"), text[nameStart-1]) >= 0) {
			nameStart--
		}
		if nameStart == nameEnd {
			continue
		}
		says, last := r.judge(text[nameStart:nameEnd])
		if says < least {
			continue
		}
		start := at + 1
		if sign == ':' || nameEnd < at && text[at-1] == ' ' {
			for start < len(text) && text[start] == ' ' {
				start++
			}
		}
		end := start
		if quote := byte(0); start < len(text) && (text[start] == '"' || text[start] == '\'') {
			quote = text[start]
			start++
			for end = start; end < len(text) && text[end] != quote && text[end] != '\n'; end++ {
				if text[end] == '\\' {
					end++
				}
			}
			end = min(end, len(text))
		} else if sign == ':' || bytes.IndexByte(text[at:], '\n') >= 0 && atLineStart(text[:nameStart]) {
			// The rest of the line, or, among braces, of the value.
			flow := quoted || bytes.IndexByte(lineOf(text[:nameStart]), '{') >= 0
			for end < len(text) && text[end] != '\n' && text[end] != '\r' && !(flow && (text[end] == ',' || text[end] == '}')) {
				end++
			}
		} else {
			for end < len(text) && text[end] > ' ' && bytes.IndexByte([]byte(";&,\"'`"), text[end]) < 0 {
				end++
			}
		}
		if sign == ':' && isBlockMark(text[start:end]) {
			start, end = block(text, nameStart, end)
		}
		value := bytes.TrimRight(text[start:end], " ")
		if n := len(value); n > 1 && bytes.IndexByte([]byte("\"'`"), value[n-1]) >= 0 {
			value = value[:n-1] // closes a quote that was opened before the name
		}
		end = start + len(value)
		if len(value) == 0 || innocent(last, value) || bytes.HasPrefix(value, []byte("$(")) ||
			sign == ':' && (value[0] == '|' || value[0] == '>' || value[0] == '{' || value[0] == '[' || value[0] == '&' || value[0] == '*') {
			continue
		}
		out = append(append(out, text[written:start]...), r.hideText(value)...)
		written, at = end, end-1
	}
	if written == 0 {
		return nil
	}
	return append(out, text[written:]...)
}

// isBlockMark tells whether a value of YAML is said to be the lines that follow: |, >-, |2.
func isBlockMark(value []byte) bool {
	value = bytes.TrimSpace(value)
	return len(value) > 0 && len(value) <= 3 && (value[0] == '|' || value[0] == '>') && len(bytes.Trim(value[1:], "+-123456789")) == 0
}

// block finds the lines after a line's end that are indented deeper than the line of a name: from their first character to their last.
func block(text []byte, name, lineEnd int) (from, to int) {
	indent := func(line []byte) int { return len(line) - len(bytes.TrimLeft(line, " ")) }
	depth := indent(lineOf(text[:name]))
	if lineStart := name - len(lineOf(text[:name])); lineStart+depth < name {
		depth = name - lineStart // an element of a list: - name: |
	}
	from, to = lineEnd, lineEnd
	for at := lineEnd; at < len(text); {
		at++ // the line's end
		next := bytes.IndexByte(text[at:], '\n')
		if next < 0 {
			next = len(text) - at
		}
		line := text[at : at+next]
		if blank := len(bytes.TrimSpace(line)) == 0; !blank && indent(line) <= depth {
			break
		} else if !blank {
			if from == lineEnd {
				from = at + indent(line)
			}
			to = at + next
		}
		at += next
	}
	return from, to
}

// atLineStart tells whether nothing but space, or the word export, stands before a place in its line.
func atLineStart(before []byte) bool {
	line := bytes.TrimSpace(lineOf(before))
	return len(line) == 0 || string(line) == "export" || string(line) == "-"
}

// lineOf is the last line of a text.
func lineOf(text []byte) []byte { return text[bytes.LastIndexByte(text, '\n')+1:] }

// hideText remembers a secret and gives what stands in its place.
func (r *redaction) hideText(secret []byte) []byte {
	r.found(secret)
	return r.hide(secret)
}

// decodeBase64 gives what a text decodes to, and the text itself where it is not base64. It is valid until the next call.
func (r *redaction) decodeBase64(text []byte) []byte {
	need := base64.StdEncoding.DecodedLen(len(text))
	if cap(r.decoded) < need {
		r.decoded = make([]byte, need)
	}
	n, err := base64.StdEncoding.Decode(r.decoded[:need], text)
	if err != nil {
		return text
	}
	return r.decoded[:n]
}

const placeholderPrefix = "hmac-sha256:"

// isPlaceholder tells whether a text is what hide makes: it is not hidden again.
func isPlaceholder(text []byte) bool {
	if len(text) != len(placeholderPrefix)+32 || string(text[:len(placeholderPrefix)]) != placeholderPrefix {
		return false
	}
	for _, c := range text[len(placeholderPrefix):] {
		if !isDigit(c) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
