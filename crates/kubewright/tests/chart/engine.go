// Renders a chart as Helm does, with the libraries that Helm itself is made of: text/template,
// Sprig, sigs.k8s.io/yaml and gojsonschema. For machines without Helm.
//
// Reads [{"name": ..., "values": {...}}] from standard input and writes
// {name: {"files": {path: text}, "error": text}}.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"github.com/xeipuuv/gojsonschema"
	"sigs.k8s.io/yaml"
)

type Case struct {
	Name      string                 `json:"name"`
	Namespace string                 `json:"namespace"`
	Values    map[string]interface{} `json:"values"`
}

type Rendered struct {
	Files map[string]string `json:"files"`
	Error string            `json:"error,omitempty"`
}

// Files are what templates may read of the chart.
type Files map[string]string

func (f Files) Get(path string) string { return f[path] }

func main() {
	chart := Files{}
	root := os.Args[1]
	check(filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path)
		chart[filepath.ToSlash(name)] = string(text)
		return err
	}))
	var cases []Case
	check(json.NewDecoder(os.Stdin).Decode(&cases))
	answers := map[string]Rendered{}
	for _, one := range cases {
		files, err := render(chart, one)
		answer := Rendered{Files: files}
		if err != nil {
			answer.Error = err.Error()
		}
		answers[one.Name] = answer
	}
	check(json.NewEncoder(os.Stdout).Encode(answers))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func render(chart Files, one Case) (map[string]string, error) {
	var values, metadata map[string]interface{}
	if err := yaml.Unmarshal([]byte(chart["values.yaml"]), &values); err != nil {
		return nil, fmt.Errorf("values.yaml: %w", err)
	}
	if err := yaml.UnmarshalStrict([]byte(chart["Chart.yaml"]), &metadata); err != nil {
		return nil, fmt.Errorf("Chart.yaml: %w", err)
	}
	values = merged(values, one.Values)
	if err := valid(chart["values.schema.json"], values); err != nil {
		return nil, err
	}
	top := map[string]interface{}{
		"Values": values,
		"Files":  chart,
		"Release": map[string]interface{}{
			"Name": "release", "Namespace": one.Namespace, "Service": "Helm",
			"IsInstall": true, "IsUpgrade": false, "Revision": 1,
		},
		"Chart": map[string]interface{}{
			"Name": metadata["name"], "Version": metadata["version"], "AppVersion": metadata["appVersion"],
		},
		"Capabilities": map[string]interface{}{
			"KubeVersion": map[string]interface{}{"Version": "v1.28.0", "Major": "1", "Minor": "28"},
		},
	}
	tree := template.New("chart").Option("missingkey=error")
	tree.Funcs(functions(tree))
	for path, text := range chart {
		if strings.HasPrefix(path, "templates/") {
			if _, err := tree.New(path).Parse(text); err != nil {
				return nil, err
			}
		}
	}
	files := map[string]string{}
	for path := range chart {
		if !strings.HasPrefix(path, "templates/") || strings.HasPrefix(filepath.Base(path), "_") {
			continue
		}
		var text bytes.Buffer
		top["Template"] = map[string]interface{}{"Name": path}
		if err := tree.ExecuteTemplate(&text, path, top); err != nil {
			return nil, err
		}
		files[path] = text.String()
	}
	return files, nil
}

// functions are Sprig's, without those that Helm takes away, and with those that Helm adds.
func functions(tree *template.Template) template.FuncMap {
	all := sprig.TxtFuncMap()
	delete(all, "env")
	delete(all, "expandenv")
	all["toYaml"] = func(value interface{}) (string, error) {
		text, err := yaml.Marshal(value)
		return strings.TrimSuffix(string(text), "\n"), err
	}
	all["include"] = func(name string, data interface{}) (string, error) {
		var text strings.Builder
		err := tree.ExecuteTemplate(&text, name, data)
		return text.String(), err
	}
	all["required"] = func(message string, value interface{}) (interface{}, error) {
		if value == nil || value == "" {
			return nil, errors.New(message)
		}
		return value, nil
	}
	return all
}

// merged is what Helm makes of defaults and a user's values: maps by entry, all else replaced, and
// null takes a default away.
func merged(defaults, given map[string]interface{}) map[string]interface{} {
	result := map[string]interface{}{}
	for key, value := range defaults {
		result[key] = value
	}
	for key, value := range given {
		below, isMap := value.(map[string]interface{})
		default_, wasMap := result[key].(map[string]interface{})
		switch {
		case value == nil:
			delete(result, key)
		case isMap && wasMap:
			result[key] = merged(default_, below)
		default:
			result[key] = value
		}
	}
	return result
}

func valid(schema string, values map[string]interface{}) error {
	result, err := gojsonschema.Validate(gojsonschema.NewStringLoader(schema), gojsonschema.NewGoLoader(values))
	if err != nil {
		return fmt.Errorf("values.schema.json: %w", err)
	}
	var flaws []string
	for _, flaw := range result.Errors() {
		flaws = append(flaws, flaw.String())
	}
	if len(flaws) > 0 {
		return errors.New(strings.Join(flaws, "; "))
	}
	return nil
}
