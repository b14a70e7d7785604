package config

import (
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// LoadLake reads only where the lake is: a query needs no cluster, so it must not fail for a kubeconfig that is not on this machine or a
// variable that is not set here. Problems outside the lake block are told only where they keep the file from being parsed.
func LoadLake(path string, getenv func(string) string) (Lake, Diagnostics) {
	source, err := os.ReadFile(path)
	if err != nil {
		return Lake{}, Diagnostics{unreadable(path, err)}
	}
	file, problems := hclsyntax.ParseConfig(source, path, hcl.InitialPos)
	l := &loader{path: path, dir: filepath.Dir(path), getenv: getenv, broken: map[*hclsyntax.Attribute]bool{}, problems: problems}
	lake := Lake{URL: filepath.Join(l.dir, DefaultLake)}
	root, _ := file.Body.(*hclsyntax.Body)
	if root != nil && !problems.HasErrors() {
		lakes := &hclsyntax.Body{Attributes: hclsyntax.Attributes{}, SrcRange: root.SrcRange, EndRange: root.EndRange}
		for _, block := range root.Blocks {
			if block.Type == "lake" {
				lakes.Blocks = append(lakes.Blocks, block)
			}
		}
		l.context = l.evalContext(lakes)
		for _, block := range lakes.Blocks {
			l.lake(&lake, block)
		}
	}
	return lake, render(l.problems, source, root, sensitiveNames(nil))
}
