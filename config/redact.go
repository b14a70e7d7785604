package config

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/gohcl"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/k8sq/k8sq/collector"
)

// Redact says how secrets are replaced.
type Redact struct {
	KeyFile string // the file with the HMAC key, joined to Config.Dir; "" where none is named
	Rules   collector.Redaction
}

func (l *loader) redact(redact *Redact, block *hclsyntax.Block) {
	var attributes struct {
		KeyFile  *string  `hcl:"key_file,optional"`
		Types    []string `hcl:"types,optional"`
		Names    []string `hcl:"names,optional"`
		Paths    []string `hcl:"paths,optional"`
		Patterns []string `hcl:"patterns,optional"`
	}
	schema, _ := gohcl.ImpliedBodySchema(attributes)
	schema.Blocks = []hcl.BlockHeaderSchema{{Type: "defaults"}}
	body := l.narrow(block.Body, schema, nil)
	for i, inner := range body.Blocks {
		if i > 0 {
			l.problem(inner.TypeRange, "Duplicate defaults block",
				"There is one defaults block already, at %s. Merge the two.", at(body.Blocks[0].TypeRange))
			continue
		}
		l.redactDefaults(&redact.Rules, inner)
	}
	if !l.into(only(body, schema.Attributes), &attributes) {
		return
	}
	if attributes.KeyFile != nil {
		if *attributes.KeyFile == "" {
			l.problem(body.Attributes["key_file"].Expr.Range(), "Invalid key file", "It is empty. Give the path of a file, or leave key_file out.")
		} else {
			redact.KeyFile = l.join(*attributes.KeyFile)
		}
	}
	redact.Rules.Types, redact.Rules.Names = attributes.Types, attributes.Names
	redact.Rules.Paths, redact.Rules.Patterns = attributes.Paths, attributes.Patterns
	l.resourceTypes(body.Attributes["types"], attributes.Types)
	l.each(body.Attributes["names"], attributes.Names, func(subject hcl.Range, name string) {
		if strings.Trim(name, "*") == "" {
			l.problem(subject, "Invalid name", "It stands for every name there is, those of an object's own fields included. Give at least a part of the name: \"*passphrase*\".")
		}
	})
	l.each(body.Attributes["paths"], attributes.Paths, func(subject hcl.Range, path string) {
		if err := collector.CheckRedactionPath(path); err != nil {
			l.problem(subject, "Invalid path", "%s. A path is written like spec.users[*].token or data['a key with signs'].", capitalised(err.Error()))
		}
	})
	l.each(body.Attributes["patterns"], attributes.Patterns, func(subject hcl.Range, pattern string) {
		compiled, err := regexp.Compile(pattern)
		var wrong *syntax.Error
		switch {
		case errors.As(err, &wrong):
			l.problem(subject, "Invalid pattern", "It is no regular expression (RE2's syntax): %s.", wrong.Code)
		case err != nil:
			l.problem(subject, "Invalid pattern", "It is no regular expression.")
		case compiled.MatchString(""):
			l.problem(subject, "Invalid pattern", "It matches the empty text, hence everywhere. Ask for at least one character.")
		}
	})
}

// redactDefaults reads which defaults are switched off.
func (l *loader) redactDefaults(rules *collector.Redaction, block *hclsyntax.Block) {
	var defaults struct {
		Secrets     *bool `hcl:"secrets,optional"`
		Env         *bool `hcl:"env,optional"`
		Args        *bool `hcl:"args,optional"`
		ConfigMaps  *bool `hcl:"config_maps,optional"`
		Annotations *bool `hcl:"annotations,optional"`
		Helm        *bool `hcl:"helm,optional"`
		URLs        *bool `hcl:"urls,optional"`
		Fields      *bool `hcl:"fields,optional"`
	}
	body, sound := l.decode(block.Body, &defaults, nil)
	if !sound {
		return
	}
	off := func(value *bool) bool { return value != nil && !*value }
	if off(defaults.Secrets) {
		l.problem(body.Attributes["secrets"].Expr.Range(), "Secrets are always redacted",
			"The values of Secrets never get into a lake, whatever else is switched off. Leave it out, or leave core.v1.Secret out of what is collected.")
	}
	rules.Keep.Env, rules.Keep.Args, rules.Keep.ConfigMaps = off(defaults.Env), off(defaults.Args), off(defaults.ConfigMaps)
	rules.Keep.Annotations, rules.Keep.Helm, rules.Keep.URLs = off(defaults.Annotations), off(defaults.Helm), off(defaults.URLs)
	rules.Keep.Fields = off(defaults.Fields)
}

// each calls back the elements of a list of strings, with the place of each where the list is written out.
func (l *loader) each(attribute *hclsyntax.Attribute, values []string, check func(subject hcl.Range, value string)) {
	if attribute == nil {
		return
	}
	for i, value := range values {
		subject := attribute.Expr.Range()
		if list, isList := attribute.Expr.(*hclsyntax.TupleConsExpr); isList && len(list.Exprs) == len(values) {
			subject = list.Exprs[i].Range()
		}
		check(subject, value)
	}
}

// capitalised makes an error the beginning of a sentence.
func capitalised(text string) string {
	if text == "" {
		return ""
	}
	return fmt.Sprintf("%s%s", strings.ToUpper(text[:1]), text[1:])
}
