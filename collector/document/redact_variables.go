package document

import "bytes"

// variables redacts the values of a list of {name, value} whose name is sensitive.
func (r *redaction) variables(t *tree, list uint32) {
	for _, element := range t.elements(list) {
		members := t.elements(element)
		// Keys are sorted: value is among the last.
		for i := len(members) - 1; i >= 0; i-- {
			key := t.key(members[i])
			if len(key) == 0 || key[0] < 'v' {
				break
			}
			if string(key) == "value" {
				if name := t.stringMember(element, "name"); name != nil {
					r.variable(t, name, members[i])
				}
				break
			}
		}
	}
}

// variable redacts a literal value if the name is sensitive, or the secrets within it.
func (r *redaction) variable(t *tree, name []byte, n uint32) {
	if k := t.nodes[n].kind; k != kindString && k != kindNumber {
		return
	}
	text := t.text(n)
	if says, last := r.judge(name); says > harmless && !innocent(last, text) {
		r.replace(t, n, text)
		return
	}
	if hidden, changed := r.text(text, sensitive); changed {
		r.set(t, n, hidden)
	}
}

// arguments redacts the secrets in a command line: --password=x, --password x, a shell's TOKEN=x, a URL's.
func (r *redaction) arguments(t *tree, list uint32) {
	next := false // the argument belongs to a sensitive flag before it
	var last []byte
	for i, n := range t.elements(list) {
		if t.nodes[n].kind != kindString {
			next = false
			continue
		}
		text := t.text(n)
		if i > 0 && len(text) > 0 && r.clientPassword(t, t.elements(list), i) {
			next = false
			continue
		}
		if next && len(text) > 0 && (text[0] != '-' || looksRandom(text)) && !innocent(last, text) {
			r.replace(t, n, text)
			next = false
			continue
		}
		next = false
		if len(text) > 2 && text[0] == '-' && bytes.IndexByte(text, '=') < 0 && bytes.IndexByte(text, ' ') < 0 {
			var says sensitivity
			says, last = r.judge(text)
			last = bytes.Clone(last)
			next = says > harmless
			continue
		}
		least := sensitive
		if len(text) > 2 && text[0] == '-' {
			least = doubtful
		}
		if hidden, changed := r.text(text, least); changed {
			r.set(t, n, hidden)
		}
	}
}

// clientPassword redacts the password that a well-known program takes in an argument whose name does not say so: curl -u joe:x, mysql -px.
func (r *redaction) clientPassword(t *tree, arguments []uint32, i int) bool {
	text, before := t.text(arguments[i]), t.text(arguments[i-1])
	if t.nodes[arguments[i-1]].kind != kindString {
		return false
	}
	from := 0
	switch {
	case string(before) == "-u" || string(before) == "--user" || string(before) == "--proxy-user":
		if from = afterColon(text, 0, len(text)); from < 0 || from == len(text) {
			return false
		}
	case bytes.HasPrefix(text, []byte("--user=")) || bytes.HasPrefix(text, []byte("-u")) && len(text) > 2 && text[2] != '=':
		if from = afterColon(text, 0, len(text)); from < 0 || from == len(text) || text[from] == '/' {
			return false
		}
	case bytes.HasPrefix(text, []byte("-p")) && len(text) > 2 && among(t, arguments, "mysql", "mariadb", "sshpass"):
		from = 2
	case string(before) == "-p" && among(t, arguments, "sshpass", "mongo", "login", "ldapsearch"), string(before) == "-a" && among(t, arguments, "redis-cli"):
	default:
		return false
	}
	if value := text[from:]; isPlaceholder(value) || innocent(nil, value) || value[0] == '-' {
		return true
	}
	text = append(bytes.Clone(text[:from]), r.hideText(text[from:])...)
	r.set(t, arguments[i], text)
	return true
}

// among tells whether one of the programs is called by a list of arguments.
func among(t *tree, arguments []uint32, programs ...string) bool {
	for _, n := range arguments {
		for _, program := range programs {
			if t.nodes[n].kind == kindString && bytes.Contains(t.text(n), []byte(program)) {
				return true
			}
		}
	}
	return false
}
