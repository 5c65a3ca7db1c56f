package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// TestMain is the tests, or under other names the command itself and a fake kubectl, so that
// tests run real processes with real arguments.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "deploy":
		main()
	case "kubectl":
		f := fake{folder: os.Getenv("FAKE_CLUSTER")}
		if err := f.run(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	default:
		os.Exit(m.Run())
	}
}

// fake is a fake kubectl. It keeps a cluster in a folder: what it was called with in
// calls, and each resource in KIND/NAMESPACE/NAME.json.
type fake struct {
	folder string
	settings
	flags struct {
		namespace, selector, output, filename, kustomize, patch, patchFile, timeout string
		ignoreNotFound                                                              bool
	}
}

// settings are how a fake cluster behaves; the zero value is one where all goes well.
type settings struct {
	Fails      map[string]string // what calls that contain a text fail with
	Hangs      string            // calls that contain it never end
	Empty      bool              // lists are empty
	Unready    bool              // nothing becomes ready
	Migrations string            // the condition of the Job; Complete
	Keys       int               // the status of the signing keys; 200
	Register   int               // the status of registrations; 201
	Believes   bool              // the ingress believes a forged address
}

func (f *fake) run(args []string) error {
	call := strings.Join(args, " ")
	if err := f.record(call); err != nil {
		return err
	}
	content, err := os.ReadFile(filepath.Join(f.folder, "settings"))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, &f.settings); err != nil {
		return err
	}
	for text, message := range f.Fails {
		if strings.Contains(call, text) {
			return errors.New(message)
		}
	}
	if f.Hangs != "" && strings.Contains(call, f.Hangs) {
		time.Sleep(time.Hour)
	}
	words, err := f.parse(args)
	if err != nil {
		return err
	}
	return f.do(words)
}

func (f *fake) record(call string) error {
	calls, err := os.OpenFile(filepath.Join(f.folder, "calls"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(calls, call)
	return errors.Join(err, calls.Close())
}

// parse refuses options that kubectl does not have, or that the command has no use for.
func (f *fake) parse(args []string) ([]string, error) {
	flags := pflag.NewFlagSet("kubectl", pflag.ContinueOnError)
	flags.StringVarP(&f.flags.namespace, "namespace", "n", "", "")
	flags.StringVarP(&f.flags.selector, "selector", "l", "", "")
	flags.StringVarP(&f.flags.output, "output", "o", "", "")
	flags.StringVarP(&f.flags.filename, "filename", "f", "", "")
	flags.StringVarP(&f.flags.kustomize, "kustomize", "k", "", "")
	flags.StringVarP(&f.flags.patch, "patch", "p", "", "")
	flags.StringVar(&f.flags.patchFile, "patch-file", "", "")
	flags.StringVar(&f.flags.timeout, "timeout", "", "")
	flags.BoolVar(&f.flags.ignoreNotFound, "ignore-not-found", false, "")
	for _, unused := range []string{"type", "field-manager", "address", "sort-by", "tail"} {
		flags.String(unused, "", "")
	}
	for _, unused := range []string{"wait", "server-side", "force-conflicts", "all-containers", "prefix"} {
		flags.Bool(unused, false, "")
	}
	err := flags.Parse(args)
	return flags.Args(), err
}

func (f *fake) do(words []string) error {
	switch verb := words[0]; verb {
	case "version":
		return nil
	case "kustomize":
		return build(words[1])
	case "get":
		if len(words) == 2 {
			return f.list(words[1])
		}
		return f.get(words[1], words[2])
	case "create":
		return f.create()
	case "patch":
		return f.merge(words[1], words[2])
	case "apply":
		return f.apply()
	case "delete":
		if err := os.Remove(f.path(words[1], f.flags.namespace, words[2])); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	case "rollout", "describe", "logs":
		_, err := fmt.Println(verb, "of", words[len(words)-1])
		return err
	case "port-forward":
		return f.serve()
	default:
		return fmt.Errorf("the fake kubectl has no %s", verb)
	}
}

func build(folder string) error {
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return err
	}
	content, err := built.AsYaml()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(content)
	return err
}

func (f *fake) path(kind, namespace, name string) string {
	return filepath.Join(f.folder, kind, namespace, name+".json")
}

func (f *fake) get(kind, name string) error {
	content, err := os.ReadFile(f.path(kind, f.flags.namespace, name))
	switch {
	case errors.Is(err, fs.ErrNotExist) && f.flags.ignoreNotFound:
		return nil
	case err != nil:
		return err
	case f.flags.output == "name":
		content = []byte(kind + "/" + name)
	}
	_, err = os.Stdout.Write(content)
	return err
}

// list prints one resource: the newest generation of its kind, ready or not.
func (f *fake) list(kinds string) error {
	state, items := "True", []any{}
	if f.Unready {
		state = "False"
	}
	if !f.Empty {
		items = append(items, map[string]any{
			"kind": "Service", "apiVersion": "serving.knative.dev/v1", "metadata": map[string]any{"name": "users-" + kinds[:3], "generation": 2},
			"status": map[string]any{"observedGeneration": 2, "conditions": []any{map[string]any{"type": "Ready", "status": state}}},
		})
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"kind": "List", "items": items})
}

// stored is as much of a resource as the fake changes.
type stored struct {
	Kind     string `json:"kind"`
	Metadata struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
	Data map[string]string `json:"data"`
}

func (f *fake) create() error {
	content, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var created stored
	if err := json.Unmarshal(content, &created); err != nil {
		return err
	}
	path := f.path(strings.ToLower(created.Kind), created.Metadata.Namespace, created.Metadata.Name)
	if _, err := os.Stat(path); err == nil {
		return fmt.Errorf("Error from server (AlreadyExists): %s %q already exists", created.Kind, created.Metadata.Name)
	}
	return write(path, content)
}

func (f *fake) merge(kind, name string) error {
	patch := []byte(f.flags.patch)
	if f.flags.patchFile != "" {
		var err error
		if patch, err = os.ReadFile(f.flags.patchFile); err != nil {
			return err
		}
	}
	path := f.path(kind, f.flags.namespace, name)
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var before, changes stored
	if err := errors.Join(json.Unmarshal(content, &before), json.Unmarshal(patch, &changes)); err != nil {
		return err
	}
	if before.Data == nil {
		before.Data = map[string]string{}
	}
	maps.Copy(before.Data, changes.Data)
	if content, err = json.Marshal(before); err != nil {
		return err
	}
	return write(path, content)
}

var migrateImage = regexp.MustCompile(`(?s)kind: Job.*?image: (\S+)`)

// apply takes note of nothing but the Job of the migrations, which it ends at once.
func (f *fake) apply() error {
	for _, path := range []string{f.flags.filename, f.flags.kustomize} {
		if path != "" && path != "-" {
			if _, err := os.Stat(path); err != nil {
				return err
			}
		}
	}
	manifests, err := io.ReadAll(os.Stdin)
	if err != nil || f.flags.selector != "app.kubernetes.io/component=migrate" {
		return err
	}
	image := migrateImage.FindSubmatch(manifests)
	if image == nil {
		return errors.New("error: no objects passed to apply")
	}
	return write(f.path("job", "aic-data", "migrate"), migrateJob(string(image[1]), f.Migrations))
}

func migrateJob(image, condition string) []byte {
	if condition == "" {
		condition = "Complete"
	}
	succeeded := 0
	if condition == "Complete" {
		succeeded = 1
	}
	return fmt.Appendf(nil, `{"spec": {"template": {"spec": {"containers": [{"image": %q}]}}},
		"status": {"succeeded": %d, "conditions": [{"type": "SuccessCriteriaMet", "status": "True"}, {"type": %q, "status": "True"}]}}`, image, succeeded, condition)
}

func write(path string, content []byte) error {
	return errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, bytes.TrimSpace(content), 0o600))
}
