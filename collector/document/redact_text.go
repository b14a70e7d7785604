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

// mayAssign tells whether a text has a sign that assigns, or a space, which may stand between a flag and its value.
func mayAssign(text []byte) bool {
	return bytes.IndexByte(text, '=') >= 0 || bytes.IndexByte(text, ':') >= 0 || bytes.IndexByte(text, ' ') >= 0 || bytes.IndexByte(text, '>') >= 0
}

// privateKeyIn tells whether a text holds a private key in PEM, or in base64 of it.
func privateKeyIn(text []byte) bool {
	if len(text) <= 64 {
		return false
	}
	if bytes.Contains(text, []byte("PRIVATE KEY-----")) || bytes.Contains(text, []byte("PRIVATE KEY BLOCK-----")) {
		return true
	}
	for rest := text; ; {
		at := bytes.Index(rest, []byte(encodedPEM))
		if at < 0 {
			return false
		}
		rest = rest[at+len(encodedPEM):]
		plain := make([]byte, 24)
		n, _ := base64.StdEncoding.Decode(plain, rest[:min(len(rest), 32)])
		if bytes.Contains(plain[:n], []byte("PRIVATE")) {
			return true
		}
	}
}

// encodedPEM is base64 of "-----BEGI".
const encodedPEM = "LS0tLS1CRUdJ"

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

// assignments writes a text without the values that it assigns to names as sensitive as that: --password=x, --password x, export TOKEN=x; a
// connection string's Password=x;, "password: x" of YAML, "password": "x" of JSON, <password>x</password> of XML, and the value that belongs
// to a name: {"name": "PASSWORD", "value": "x"}; nil where there is none.
func (r *redaction) assignments(out, text []byte, least sensitivity) []byte {
	written := 0
	multiline := bytes.IndexByte(text, '\n') >= 0
	var belongs struct { // of what was last called a name
		says sensitivity
		last []byte
		at   int
	}
	for at := 0; at < len(text); at++ {
		switch text[at] {
		case '=', ':', ' ', '\t', '>', ',':
		default:
			continue
		}
		a, ok := assignmentAt(text, at, multiline)
		if !ok {
			continue
		}
		name := text[a.nameStart:a.nameEnd]
		var says sensitivity
		var last []byte
		switch called := whatIsCalled(name); {
		case called == callsName:
			if from, to := a.value(text[:min(len(text), a.from+nearName)]); from < to {
				belongs.says, last = r.judge(text[from:to])
				belongs.last, belongs.at = append(belongs.last[:0], last...), to
			}
			continue
		case called == callsValue && belongs.says > harmless && at-belongs.at < nearName:
			says, last = belongs.says, belongs.last
		default:
			says, last = r.judge(name)
		}
		if wanted := least; says < wanted && !(says == doubtful && name[0] == '-') || a.needsSure && says < sensitive {
			from, to := 0, 0
			if says == doubtful && !a.needsSure {
				from, to = a.value(text)
			}
			if clientFlag := isSpace(text[at]) && isClientFlag(name, text); !clientFlag && !looksRandom(text[from:to]) {
				continue
			}
		}
		start, end := a.value(text)
		if string(name) == "-u" || name[0] == '-' && bytes.HasSuffix(name, []byte("-user")) {
			if start = afterColon(text, start, end); start < 0 {
				continue
			}
		}
		if start < written {
			continue
		}
		value := bytes.TrimRight(text[start:end], " \t\r\n")
		if n := len(value); n > 1 && bytes.IndexByte([]byte("\"'`"), value[n-1]) >= 0 {
			value = value[:n-1] // closes a quote that was opened before the name
		}
		end = start + len(value)
		if len(value) == 0 || innocent(last, value) || bytes.HasPrefix(value, []byte("$(")) ||
			text[at] == ':' && (bytes.IndexByte([]byte("|>{[*"), value[0]) >= 0) {
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

// nearName is how far behind a name its value may stand.
const nearName = 512

const (
	callsName  = 1 + iota // name, key, path: what stands there is a name
	callsValue            // value: what stands there belongs to the name before
)

func whatIsCalled(name []byte) int {
	switch string(name) {
	case "name", "Name", "NAME", "key", "Key", "path":
		return callsName
	case "value", "Value", "VALUE":
		return callsValue
	}
	return 0
}

// isClientFlag tells whether a flag of a well-known program takes a password: curl -u joe:x, redis-cli -a x.
func isClientFlag(name, text []byte) bool {
	holds := func(program string) bool { return bytes.Contains(text, []byte(program)) }
	switch string(name) {
	case "-u", "--user", "--proxy-user":
		return holds("curl")
	case "-a":
		return holds("redis-cli")
	case "-p":
		return holds("sshpass") || holds("mongo") || holds("login") || holds("ldapsearch")
	case "BY", "by":
		return holds("IDENTIFIED BY '") || holds("identified by '") || holds("IDENTIFIED BY \"")
	}
	return false
}

// looksRandom tells whether a value is one that no name is: long, of letters of both cases and digits.
func looksRandom(value []byte) bool {
	value = bytes.TrimSpace(value)
	return len(value) >= 16 && random(value) && !isReference(value)
}

// afterColon gives the place behind the colon of user:password, -1 where there is none, or what stands there is a number (user:group).
func afterColon(text []byte, start, end int) int {
	colon := bytes.IndexByte(text[start:end], ':')
	if colon < 0 || only(text[start+colon+1:end], "", false) {
		return -1
	}
	return start + colon + 1
}

// assignment is a sign that may assign a value to a name.
type assignment struct {
	nameStart, nameEnd int
	from               int  // where the value begins, after the sign
	sign               byte // '=', ':', ' ' (of a flag, or before a quote), '>' (of XML)
	quoted             bool // the name is
	open               byte // the quote that was opened just before the name and not closed after it
	needsSure          bool // only a name that is surely sensitive: the form is that of prose too
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }
func isQuote(c byte) bool { return c == '"' || c == '\'' }
func isNamed(c byte) bool {
	return isLetter(c) || isDigit(c) || c == '_' || c == '.' || c == '-'
}

// assignmentAt tells whether the sign at a place of a text, which may have several lines, assigns to a name that matters. It looks no farther around
// than it must: texts may be of one long line.
func assignmentAt(text []byte, at int, multiline bool) (a assignment, ok bool) {
	a = assignment{sign: text[at], from: at + 1}
	end := at
	if a.sign == '=' || a.sign == ':' {
		for end > 0 && isSpace(text[end-1]) {
			end--
		}
	}
	if end > 0 && isQuote(text[end-1]) && a.sign != '>' {
		a.quoted = true
		for end--; end > 0 && text[end-1] == '\\'; end-- {
		}
	}
	a.nameStart, a.nameEnd = end, end
	for a.nameStart > 0 && isNamed(text[a.nameStart-1]) {
		a.nameStart--
	}
	if name := text[a.nameStart:a.nameEnd]; len(name) == 0 || !maySay(name) && whatIsCalled(name) == 0 && len(name) > 2 && !bytes.HasSuffix(name, []byte("-user")) {
		return a, false
	}
	before, next := byte('\n'), byte('\n')
	if a.nameStart > 0 {
		before = text[a.nameStart-1]
	}
	if at+1 < len(text) {
		next = text[at+1]
	}
	if !a.quoted && isQuote(before) {
		a.open = before
	}
	switch a.sign {
	case ':':
		switch {
		case next == '=': // :=
			a.sign, a.from = '=', at+2
		case isSpace(next), isQuote(next), next == '\n', next == '\r', next == '\\', a.quoted:
		case next == '/' && at+2 < len(text) && text[at+2] == '/', end < at:
			return a, false // a URL
		case a.open != 0, atLineStart(text[:a.nameStart]): // a header, a property
		default:
			return a, false
		}
	case '=':
		if next == '>' {
			a.from = at + 2
		}
	case '>':
		return a, before == '<' && next != '<'
	case ',': // PHP's define('PASSWORD', 'x')
		opened := bytes.TrimRight(text[:a.nameStart], "\"'")
		return a, a.quoted && len(opened) < a.nameStart && bytes.HasSuffix(opened, []byte("define("))
	default: // a space
		if a.quoted || isSpace(next) && text[a.nameStart] != '-' {
			return a, false
		}
		for a.from < len(text) && isSpace(text[a.from]) {
			a.from++
		}
		if a.from == len(text) || text[a.from] == '\n' || text[a.from] == '\r' {
			return a, false
		}
		a.sign = ' '
		if text[a.nameStart] == '-' {
			return a, text[a.from] != '-' && text[a.from] != '=' && text[a.from] != ':' && a.nameEnd-a.nameStart > 1
		}
		a.needsSure = true
		if isQuote(text[a.from]) {
			return a, true
		}
		// password x, alone in a line of several, or netrc's login joe password x.
		line := text[a.nameStart:min(len(text), a.nameStart+nearName)]
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			line = line[:end]
		}
		name := string(line[:a.nameEnd-a.nameStart])
		if name == "password" && bytes.Contains(lineOf(text[max(0, a.nameStart-nearName):a.nameStart]), []byte("login ")) {
			return a, true
		}
		value := bytes.TrimSpace(line[min(len(line), a.from-a.nameStart):])
		alone := startsLine(text[:a.nameStart]) && len(value) > 0 && bytes.IndexByte(value, ' ') < 0 && (multiline || name == "requirepass")
		return a, alone && bytes.IndexByte([]byte("=:{"), text[a.from]) < 0
	}
	return a, true
}

// value finds the stretch of a text that is assigned.
func (a assignment) value(text []byte) (start, end int) {
	start = a.from
	lineEnd := func(from int) int {
		for from < len(text) && text[from] != '\n' && text[from] != '\r' {
			from++
		}
		return from
	}
	if a.sign == '>' {
		end := bytes.IndexByte(text[start:], '<')
		if end < 0 {
			return start, len(text)
		}
		return start, start + end
	}
	spaced := a.sign != '=' || a.from > 1 && text[a.from-1] == '>' || a.nameEnd < a.from-1 && isSpace(text[a.nameEnd])
	for spaced && start < len(text) && isSpace(text[start]) {
		start++
	}
	if a.sign == '=' && start < len(text) && text[start] == '=' {
		start++
	}
	for a.sign == ':' && start < len(text) && (text[start] == '&' || text[start] == '!') { // an anchor, a type
		for start < len(text) && text[start] > ' ' {
			start++
		}
		for start < len(text) && isSpace(text[start]) {
			start++
		}
	}
	if from, to, isQuoted := quotedAt(text, start, a.sign); isQuoted {
		return from, to
	}
	if a.sign == '=' && bytes.HasPrefix(text[start:], []byte("<<")) {
		if from, to := heredoc(text, start); from < to {
			return from, to
		}
	}
	if start < len(text) && text[start] == '[' {
		inner := bytes.TrimLeft(text[start+1:], " \t\r\n")
		if to := bytes.IndexByte(inner, ']'); to > 0 && inner[0] != '{' && inner[0] != '[' {
			return len(text) - len(inner), len(text) - len(inner) + to
		}
	}
	if a.sign == ':' && start < len(text) && (text[start] == '{' || text[start] == '[') {
		return start, start // a mapping, whose names speak for themselves, or a template
	}
	multiline := bytes.IndexByte(text[a.nameStart:], '\n') >= 0
	end = start
	switch {
	case a.open != 0 && a.sign == ':': // up to the quote that was opened before the name
		for end < len(text) && text[end] != a.open && text[end] != '\n' {
			end++
		}
	case a.sign == ':':
		// The rest of the line, or, among braces, of the value.
		flow := a.quoted || bytes.IndexByte(lineOf(text[max(0, a.nameStart-longestURL):a.nameStart]), '{') >= 0
		for end < len(text) && text[end] != '\n' && text[end] != '\r' && !(flow && (text[end] == ',' || text[end] == '}')) {
			end++
		}
		switch rest := text[start:end]; {
		case isBlockMark(rest):
			return block(text, a.nameStart, end, false)
		case len(bytes.TrimSpace(rest)) == 0 && end < len(text):
			return block(text, a.nameStart, lineEnd(end), true)
		}
	case a.sign == '=' && multiline && atLineStart(text[:a.nameStart]):
		for end = lineEnd(end); end < len(text) && text[end-1] == '\\'; {
			end = lineEnd(end + 1) // a property goes on in the next line
		}
	default:
		for end < len(text) && text[end] > ' ' && bytes.IndexByte([]byte(";&,\"'`|"), text[end]) < 0 {
			end++
		}
	}
	return start, end
}

// quotedAt finds what is between quotes that begin at a place: "x", 'it”s', \"x\", """x""". What is not closed goes to the line's end.
func quotedAt(text []byte, start int, sign byte) (from, to int, ok bool) {
	slashes := start
	for slashes < len(text) && text[slashes] == '\\' {
		slashes++
	}
	if slashes == len(text) || !isQuote(text[slashes]) {
		return 0, 0, false
	}
	quote := text[slashes]
	from = slashes + 1
	triple := bytes.Repeat([]byte{quote}, 3)
	if slashes == start && bytes.HasPrefix(text[start:], triple) {
		if end := bytes.Index(text[start+3:], triple); end >= 0 {
			return start + 3, start + 3 + end, true
		}
	}
	for to = from; to < len(text); to++ {
		switch {
		case text[to] == '\\' && slashes > start:
			end := to
			for end < len(text) && text[end] == '\\' {
				end++
			}
			if end-to == slashes-start && end < len(text) && text[end] == quote {
				return from, to, true
			}
			to = end // more of them: an escaped quote within
		case text[to] == '\\' && (quote == '"' || sign != ':'):
			to++
		case text[to] != quote || slashes > start:
		case quote == '\'' && sign == ':' && to+1 < len(text) && text[to+1] == quote:
			to++
		default:
			return from, to, true
		}
	}
	for to = from; to < len(text) && text[to] != '\n'; to++ {
	}
	return from, to, true
}

// heredoc finds the lines between <<WORD and WORD.
func heredoc(text []byte, start int) (from, to int) {
	lineEnd := bytes.IndexByte(text[start:], '\n')
	if lineEnd < 0 {
		return start, start
	}
	word := bytes.Trim(text[start:start+lineEnd], "<-~'\" \r")
	from = start + lineEnd + 1
	for at := from; at < len(text) && len(word) > 0; {
		line := text[at:]
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			line = line[:end+1]
		}
		if bytes.Equal(bytes.TrimSpace(line), word) {
			return from, max(from, at-1)
		}
		at += len(line)
	}
	return from, len(text)
}

// isBlockMark tells whether a value of YAML is said to be the lines that follow: |, >-, |2.
func isBlockMark(value []byte) bool {
	value = bytes.TrimSpace(value)
	return len(value) > 0 && len(value) <= 3 && (value[0] == '|' || value[0] == '>') && len(bytes.Trim(value[1:], "+-123456789")) == 0
}

// block finds the lines after a line's end that are indented deeper than the line of a name: from their first character to their last. With
// plain, they are what YAML takes for a value that begins in the next line, a list included, but no mapping, whose names speak for themselves.
func block(text []byte, name, lineEnd int, plain bool) (from, to int) {
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
		element := plain && indent(line) == depth && bytes.HasPrefix(line[depth:], []byte("- "))
		if blank := len(bytes.TrimSpace(line)) == 0; !blank && indent(line) <= depth && !element {
			break
		} else if !blank {
			if plain && (isMapping(line) || from != lineEnd && element != (indent(text[lineStart(text, from):from]) == depth)) {
				break
			}
			if from == lineEnd {
				from = at + indent(line)
			}
			to = at + next
		}
		at += next
	}
	return from, to
}

func lineStart(text []byte, at int) int { return at - len(lineOf(text[:at])) }

// isMapping tells whether a line of YAML or JSON begins a mapping or a comment.
func isMapping(line []byte) bool {
	line = bytes.TrimLeft(line, " -\t")
	if len(line) == 0 || bytes.IndexByte([]byte("#{}]"), line[0]) >= 0 {
		return true
	}
	colon := bytes.IndexByte(line, ':')
	return colon > 0 && (colon+1 == len(line) || line[colon+1] == ' ' || line[colon+1] == '\r' || line[colon-1] == '"') || bytes.HasPrefix(line, []byte("[")) && len(bytes.TrimSpace(line)) == 1
}

// atLineStart tells whether nothing but space, or a word like export, stands before a place in its line.
func atLineStart(before []byte) bool {
	before = bytes.TrimRight(before, " \t")
	for _, word := range [...]string{"export", "readonly", "local", "declare", "set", "ENV", "-"} {
		if rest, found := bytes.CutSuffix(before, []byte(word)); found {
			return startsLine(rest)
		}
	}
	return startsLine(before)
}

func startsLine(before []byte) bool {
	before = bytes.TrimRight(before, " \t")
	return len(before) == 0 || before[len(before)-1] == '\n' || before[len(before)-1] == '\r'
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
