package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// evalContext gives the variables and functions of a file. It looks up every env.NAME in advance: one that is not set, and any other
// variable, is told here and marks its attribute as broken, so that nothing else is said of it.
func (l *loader) evalContext(root *hclsyntax.Body) *hcl.EvalContext {
	environment := map[string]cty.Value{}
	var visit func(body *hclsyntax.Body)
	visit = func(body *hclsyntax.Body) {
		for _, attribute := range body.Attributes {
			for _, traversal := range attribute.Expr.Variables() {
				name, value, ok := l.variable(traversal)
				if !ok {
					l.broken[attribute] = true
					continue
				}
				environment[name] = cty.StringVal(value)
			}
		}
		for _, block := range body.Blocks {
			visit(block.Body)
		}
	}
	visit(root)
	return &hcl.EvalContext{
		Variables: map[string]cty.Value{"env": cty.ObjectVal(environment)},
		Functions: map[string]function.Function{
			"file":         fileFunction(l.join),
			"jsondecode":   jsonDecodeFunction,
			"base64decode": base64DecodeFunction,
		},
	}
}

// variable looks up env.NAME or env["NAME"]. Names of other variables are not repeated: a secret whose quotes were forgotten is one.
func (l *loader) variable(traversal hcl.Traversal) (name, value string, ok bool) {
	if traversal.RootName() != "env" {
		l.problem(traversal.SourceRange(), "Unknown variable",
			"The only variables are env.NAME, the environment's. A string stands in double quotes.")
		return "", "", false
	}
	if len(traversal) > 1 {
		switch step := traversal[1].(type) {
		case hcl.TraverseAttr:
			name = step.Name
		case hcl.TraverseIndex:
			if step.Key.Type() == cty.String && !step.Key.IsNull() {
				name = step.Key.AsString()
			}
		}
	}
	if name == "" {
		l.problem(traversal.SourceRange(), "Invalid use of env", "Write the name of an environment variable behind it: env.NAME.")
		return "", "", false
	}
	value = l.getenv(name)
	if value == "" {
		l.problem(traversal.SourceRange(), "Environment variable not set",
			"The environment variable %s is not set, or empty. Set it before you run k8sq.", name)
		return "", "", false
	}
	if !utf8.ValidString(value) {
		l.problem(traversal.SourceRange(), "Invalid environment variable", "The value of the environment variable %s is not UTF-8.", name)
		return "", "", false
	}
	return name, value, true
}

// The functions' errors say what is wrong without a word of what they were given, which may be a secret.

// fileFunction reads a text file, whose path join completes.
func fileFunction(join func(string) string) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(arguments []cty.Value, _ cty.Type) (cty.Value, error) {
			content, err := os.ReadFile(join(arguments[0].AsString()))
			var pathError *os.PathError
			switch {
			case errors.As(err, &pathError):
				return cty.NilVal, function.NewArgErrorf(0, "cannot read the file: %s", pathError.Err)
			case err != nil:
				return cty.NilVal, function.NewArgErrorf(0, "cannot read the file: %s", err)
			case !utf8.Valid(content):
				return cty.NilVal, function.NewArgErrorf(0, "the file is not UTF-8 text")
			}
			return cty.StringVal(string(content)), nil
		},
	})
}

var base64DecodeFunction = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "text", Type: cty.String}},
	Type:   function.StaticReturnType(cty.String),
	Impl: func(arguments []cty.Value, _ cty.Type) (cty.Value, error) {
		decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(arguments[0].AsString()))
		var corrupt base64.CorruptInputError
		switch {
		case errors.As(err, &corrupt):
			return cty.NilVal, function.NewArgErrorf(0, "this is not base64: byte %d is wrong", int64(corrupt)+1)
		case err != nil:
			return cty.NilVal, function.NewArgErrorf(0, "this is not base64")
		case !utf8.Valid(decoded):
			return cty.NilVal, function.NewArgErrorf(0, "what was encoded is not UTF-8 text")
		}
		return cty.StringVal(string(decoded)), nil
	},
})

var jsonDecodeFunction = function.New(&function.Spec{
	Params: []function.Parameter{{Name: "text", Type: cty.String}},
	Type: func(arguments []cty.Value) (cty.Type, error) {
		if !arguments[0].IsKnown() {
			return cty.DynamicPseudoType, nil
		}
		value, err := decodeJSON(arguments[0])
		if err != nil {
			return cty.NilType, err
		}
		return value.Type(), nil
	},
	Impl: func(arguments []cty.Value, _ cty.Type) (cty.Value, error) { return decodeJSON(arguments[0]) },
})

func decodeJSON(text cty.Value) (cty.Value, error) {
	value, err := stdlib.JSONDecode(text)
	if err != nil {
		return cty.NilVal, function.NewArgError(0, fmt.Errorf("this is not JSON"))
	}
	return value, nil
}
