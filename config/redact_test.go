package config_test

import (
	"reflect"
	"testing"

	"github.com/k8sq/k8sq/collector"
	"github.com/k8sq/k8sq/collector/document"
)

func TestLoadRedact(t *testing.T) {
	loaded := load(t, `
redact {
  types    = ["example.com.v1.Vault*"]
  names    = ["*passphrase*"]
  paths    = ["spec.password", "spec.users[*].token", "data['x']"]
  patterns = ["AKIA[0-9A-Z]{16}"]
  defaults {
    secrets     = true
    env         = false
    config_maps = true
    helm        = null
    urls        = false
  }
}
`)
	want := collector.Redaction{
		Types: []string{"example.com.v1.Vault*"}, Names: []string{"*passphrase*"}, Paths: []string{"spec.password", "spec.users[*].token", "data['x']"},
		Patterns: []string{"AKIA[0-9A-Z]{16}"}, Keep: document.Defaults{Env: true, URLs: true},
	}
	if !reflect.DeepEqual(loaded.Redact.Rules, want) || loaded.Redact.KeyFile != "" {
		t.Errorf("redact = %+v", loaded.Redact)
	}
	if _, err := loaded.Redact.Rules.Redactor([]byte("0123456789abcdef")); err != nil {
		t.Error(err)
	}
}
