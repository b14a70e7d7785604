package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

var flagName = regexp.MustCompile(`(?m)^ +(?:-\w, )?(--[a-z-]+)`)

// TestCommandsDocument: docs/commands.md has a section for each command, and in it each of its flags.
func TestCommandsDocument(t *testing.T) {
	content, err := os.ReadFile("../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	for _, section := range strings.Split(string(content), "\n## ")[1:] {
		title, body, _ := strings.Cut(section, "\n")
		sections[title] = body
	}
	for _, cmd := range newRootCmd(newApp(os.Stdin, os.Stdout, os.Stderr)).Commands() {
		if cmd.Name() == "help" || cmd.Name() == "completion" {
			continue
		}
		title := "`k8sq " + cmd.Name() + "`"
		body, found := sections[title]
		if !found {
			t.Errorf("docs/commands.md has no section %s", title)
			continue
		}
		delete(sections, title)
		for _, cmd := range append([]*cobra.Command{cmd}, cmd.Commands()...) {
			if !strings.Contains(body, cmd.Name()) && !strings.Contains(title, cmd.Name()) {
				t.Errorf("%s does not speak of %s", title, cmd.CommandPath())
			}
			if strings.TrimSpace(cmd.Long) == "" && cmd.Name() != "version" && !cmd.HasSubCommands() {
				t.Errorf("%s has no long help", cmd.CommandPath())
			}
			if cmd.HasParent() && cmd.Parent().HasParent() {
				continue // its own help has its flags
			}
			for _, flag := range flagName.FindAllStringSubmatch(cmd.LocalNonPersistentFlags().FlagUsages(), -1) {
				if !strings.Contains(body, flag[1]) {
					t.Errorf("%s does not speak of %s", title, flag[1])
				}
			}
		}
	}
	for title := range sections {
		t.Errorf("docs/commands.md has the section %s, of which there is no command", title)
	}
}
