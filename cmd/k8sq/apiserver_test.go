package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// apiServer is an API server of a few types, for what the commands say of one. Its objects are the files <state>/<namespace>/<plural>/<name>.json,
// and <state>/forbidden names the plurals that may not be listed.
func apiServer(state string) *httptest.Server {
	answer := func(w http.ResponseWriter, code int, value any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(value)
	}
	type object = map[string]any
	resource := func(name, kind string, namespaced bool) object {
		return object{"name": name, "kind": kind, "namespaced": namespaced, "verbs": []string{"get", "list"}}
	}
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := strings.Trim(r.URL.Path, "/"); path {
		case "version":
			answer(w, 200, object{"gitVersion": "v1.37.2"})
		case "api":
			answer(w, 200, object{"kind": "APIVersions", "versions": []string{"v1"}})
		case "apis":
			v := object{"groupVersion": "apps/v1", "version": "v1"}
			answer(w, 200, object{"kind": "APIGroupList", "groups": []object{{"name": "apps", "versions": []object{v}, "preferredVersion": v}}})
		case "api/v1":
			answer(w, 200, object{"kind": "APIResourceList", "resources": []object{
				resource("configmaps", "ConfigMap", true), resource("namespaces", "Namespace", false), resource("secrets", "Secret", true), resource("pods", "Pod", true),
			}})
		case "apis/apps/v1":
			answer(w, 200, object{"kind": "APIResourceList", "resources": []object{resource("deployments", "Deployment", true)}})
		default:
			plural := path[strings.LastIndexByte(path, '/')+1:]
			namespace := "*"
			if _, after, found := strings.Cut(path, "/namespaces/"); found {
				namespace, _, _ = strings.Cut(after, "/")
			}
			if content, err := os.ReadFile(filepath.Join(state, "kube-system", "namespaces", plural+".json")); err == nil {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write(content)
				return
			}
			forbidden, _ := os.ReadFile(filepath.Join(state, "forbidden"))
			if plural == "kube-system" || strings.Contains(string(forbidden), plural+"\n") {
				answer(w, 403, object{"kind": "Status", "reason": "Forbidden", "code": 403, "message": fmt.Sprintf("%s is forbidden: User \"k8sq\" cannot list resource %q", plural, plural)})
				return
			}
			files, _ := filepath.Glob(filepath.Join(state, namespace, plural, "*.json"))
			start, _ := strconv.Atoi(r.URL.Query().Get("continue"))
			end := len(files)
			metadata := object{"resourceVersion": "7"}
			if limit, _ := strconv.Atoi(r.URL.Query().Get("limit")); limit > 0 && start+limit < end {
				end = start + limit
				metadata["continue"] = strconv.Itoa(end)
				if r.URL.Query().Get("labelSelector") == "" {
					metadata["remainingItemCount"] = len(files) - end
				}
			}
			items := []json.RawMessage{}
			for _, file := range files[start:end] {
				content, _ := os.ReadFile(file)
				items = append(items, content)
			}
			answer(w, 200, object{"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items})
		}
	}))
}
