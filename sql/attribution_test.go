package sql

import (
	"strings"
	"testing"
	"time"
)

// Who changed each path: out of the change's attribution, or, of a change from before there was one, the change's own managers.
func TestFieldChangesTellWho(t *testing.T) {
	h := &history{}
	at := on(2, "09:00")
	record := func(name, diff string, more row) {
		h.record(t, prod, on(1, "09:00"), "discovered", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"`+name+`"}}`, "")
		h.record(t, prod, at, "updated", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"`+name+`"},"spec":{}}`, diff)
		for key, value := range more {
			h.changes[len(h.changes)-1][key] = value
		}
	}
	const diff = `{"added":{"spec.b":1},"updated":{"spec.a":{"from":1,"to":2}},"removed":{"status.x['y']":null,"spec.c":1}}`
	record("a", diff, row{"managers": []string{"argo", "hpa", "kubectl"}, "modified_at": on(2, "08:30"), "attribution": `{"spec.a":[{"confidence":"certain","manager":"kubectl","operation":"Update","time":"2026-01-02T08:00:00Z"}],` +
		`"spec.b":[{"confidence":"likely","manager":"hpa","operation":"Update","subresource":"scale","time":"2026-01-02T08:30:00Z"},{"confidence":"likely","manager":"argo","operation":"Apply","time":"2026-01-02T08:10:00Z"},{"confidence":"likely","manager":"argo","operation":"Update"}],` +
		`"status.x['y']":[{"confidence":"possible","manager":"odd"}]}`})
	record("before", diff, row{"modified_at": on(2, "08:30"), "attribution": nil})
	record("odd", `{"added":{"spec.b":1}}`, row{"attribution": `{"spec.b":7,"x":`})
	record("without", diff, row{"diff": nil, "attribution": nil})
	record("kept", diff, row{"diff": nil, "attribution": `{"spec.a":[{"confidence":"certain","manager":"kubectl","operation":"Update","time":"2026-01-02T08:00:00Z"}]}`})
	l := &folderLake{folder: t.TempDir()}
	h.write(t, l.folder)
	e := open(t, l, Options{})
	const eight, later = "2026-01-02T08:00:00Z", "2026-01-02T08:30:00Z"
	minute := at.Add(-time.Minute).Format(time.RFC3339)
	want := []string{
		"a|spec.a|updated|[kubectl]|certain|" + eight,
		"a|spec.b|added|[argo hpa]|likely|" + later,
		"a|spec.c|removed|[]|NULL|NULL",
		"a|status.x['y']|removed|[odd]|possible|NULL",
		"before|spec.a|updated|[kubectl]|NULL|" + later,
		"before|spec.b|added|[kubectl]|NULL|" + later,
		"before|spec.c|removed|[kubectl]|NULL|" + later,
		"before|status.x['y']|removed|[kubectl]|NULL|" + later,
		"kept|spec.a|NULL|[kubectl]|certain|" + eight,
		"kept|spec.b|NULL|[]|NULL|NULL",
		"kept|spec.c|NULL|[]|NULL|NULL",
		"kept|status.x['y']|NULL|[]|NULL|NULL",
		"odd|spec.b|added|[]|NULL|NULL",
		"without|spec.a|NULL|[kubectl]|NULL|" + minute,
		"without|spec.b|NULL|[kubectl]|NULL|" + minute,
		"without|spec.c|NULL|[kubectl]|NULL|" + minute,
		"without|status.x['y']|NULL|[kubectl]|NULL|" + minute,
	}
	got := answer(t, e, "SELECT name, path, action, managers, confidence, modified_at FROM field_changes ORDER BY name, path")
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := answer(t, e, "SELECT count(*), count(old), count(new), count(class) FROM field_changes WHERE action IS NULL"); got[0] != "8|0|0|8" {
		t.Errorf("changes without a diff: %v", got)
	}
}
