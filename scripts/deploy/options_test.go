package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOptions_Wrong_RefusedBeforeKubectlIsCalled(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	for _, o := range []struct {
		env, args []string
		want      string
	}{
		{nil, []string{"--overlays", "x"}, "deploy: unknown flag: --overlays; see scripts/deploy-data-services.sh --help"},
		{nil, []string{"-x"}, "unknown shorthand flag: 'x'"},
		{nil, []string{"--timeout"}, "flag needs an argument: --timeout"},
		{nil, []string{"destroy"}, "there is no command destroy; see"},
		{nil, []string{"databases", "verify"}, "give one command, not databases and verify"},
		{nil, []string{"--timeout", "10m"}, `the timeout "10m" is not a number of seconds`},
		{[]string{"TIMEOUT=-1"}, nil, `the timeout "-1" is not a number of seconds`},
		{nil, []string{"--timeout", "0"}, `the timeout "0" is not a number of seconds`},
		{[]string{"POOL_SIZE=many"}, nil, `POOL_SIZE "many" is not a number of connections`},
		{nil, []string{"--image", "a b"}, `"a b" is not a reference to an image`},
		{nil, []string{"--stores", "postgresql oracle"}, "there is no store oracle; there are: clickhouse"},
		{[]string{"STORES=../base"}, nil, "there is no store ../base"},
	} {
		c.deploy(o.env, o.args...).want(t, 1, o.want)
	}
	if calls := c.calls(); len(calls) > 0 {
		t.Errorf("kubectl was called: %q", calls)
	}
}

func TestOptions_Help_IsPrinted(t *testing.T) {
	t.Parallel()
	for _, option := range []string{"--help", "-h"} {
		r := newCluster(t, settings{}).run(nil, option)
		r.want(t, 0)
		if r.out != usage || r.log != "" {
			t.Errorf("%s prints %q and logs %q", option, r.out, r.log)
		}
	}
}

func TestOptions_Stores_AreWhatNoURLReplaces(t *testing.T) {
	t.Parallel()
	for _, o := range []struct {
		env, args, want []string
	}{
		{nil, nil, []string{"postgresql", "object-storage"}},
		{[]string{"ADMIN_DATABASE_URL=" + adminURL}, nil, []string{"object-storage"}},
		{[]string{"STORAGE_URL=file:///data"}, nil, []string{"postgresql"}},
		{[]string{"ADMIN_DATABASE_URL=" + adminURL, "STORAGE_URL=file:///data"}, nil, nil},
		{[]string{"STORAGE_URL=file:///data", "STORES=postgresql  redis"}, nil, []string{"postgresql", "redis"}},
		{[]string{"ADMIN_DATABASE_URL=" + adminURL, "STORAGE_URL=file:///data", "STORES="}, nil, nil},
		{[]string{"STORES=redis"}, []string{"--stores=object-storage postgresql"}, []string{"object-storage", "postgresql"}},
	} {
		c := newCluster(t, settings{})
		c.deploy(o.env, append(o.args, "databases")...).want(t, 0)
		var stores []string
		for _, call := range c.calls("apply") {
			if _, folder, found := strings.Cut(call, "-k "); found {
				stores = append(stores, filepath.Base(folder))
			}
		}
		if diff := cmp.Diff(o.want, stores); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", o.env, o.args, diff)
		}
	}
}

func TestOptions_Environment_IsTheDefault(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	c.run([]string{"OVERLAY=" + c.overlay, "IMAGE=from/environment:1", "TIMEOUT=7", "STORES=postgresql object-storage"}, "all").want(t, 0)
	if calls := c.calls("rollout"); !strings.HasSuffix(calls[0], "--timeout=7s") {
		t.Errorf("stores are waited for by %s", calls[0])
	}
	c.run([]string{"OVERLAY=absent", "IMAGE=from/environment:1"}, "services", "--overlay", c.overlay, "--image", "from/arguments:1", "--timeout", "8").want(t, 0)
	if calls := c.calls("delete"); len(calls) != 2 {
		t.Errorf("two images are migrated by %q", calls)
	}
}

func TestOptions_NoKubectl_Said(t *testing.T) {
	t.Parallel()
	c := newCluster(t, settings{})
	c.deploy([]string{"PATH=/nowhere"}).want(t, 1, "deploy: kubectl is not on the PATH; see https://kubernetes.io/docs/tasks/tools/")
}
