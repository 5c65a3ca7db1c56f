package main

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

//go:embed usage.txt
var usage string

// options are the arguments and the environment, which usage.txt describes.
type options struct {
	command     string
	overlay     string
	image       string
	stores      []string
	timeout     time.Duration
	monitoring  bool
	keepSchema  bool
	dryRun      bool
	adminURL    string
	storage     storage
	smtpURL     string
	verifyEmail string
	verifyPass  string
	poolSize    int
}

func parse(args []string) (options, error) {
	o := options{
		command: "all", adminURL: os.Getenv("ADMIN_DATABASE_URL"), smtpURL: os.Getenv("SMTP_URL"),
		storage:     storage{os.Getenv("STORAGE_URL"), os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY")},
		verifyEmail: os.Getenv("VERIFY_EMAIL"), verifyPass: os.Getenv("VERIFY_PASSWORD"),
	}
	stores, given := os.LookupEnv("STORES")
	if !given {
		stores = defaultStores(o.adminURL, o.storage.url)
	}
	flags := pflag.NewFlagSet("deploy", pflag.ContinueOnError)
	flags.Usage = func() {}
	flags.StringVar(&o.overlay, "overlay", cmp.Or(os.Getenv("OVERLAY"), "local"), "")
	flags.StringVar(&o.image, "image", os.Getenv("IMAGE"), "")
	flags.StringVar(&stores, "stores", stores, "")
	timeout := flags.String("timeout", cmp.Or(os.Getenv("TIMEOUT"), "600"), "")
	flags.BoolVar(&o.monitoring, "monitoring", false, "")
	flags.BoolVar(&o.keepSchema, "keep-schema", false, "")
	flags.BoolVar(&o.dryRun, "dry-run", os.Getenv("DRY_RUN") != "", "")
	if err := flags.Parse(args); errors.Is(err, pflag.ErrHelp) {
		return o, err
	} else if err != nil {
		return o, fmt.Errorf("%w; see scripts/deploy-data-services.sh --help", err)
	}
	o.stores = strings.Fields(stores)
	return o, errors.Join(o.setCommand(flags.Args()), o.setTimeout(*timeout), o.setImage(), o.setPoolSize(), o.check())
}

// defaultStores are the stores for what there is no URL of.
func defaultStores(adminURL, storageURL string) string {
	var stores []string
	if adminURL == "" {
		stores = append(stores, "postgresql")
	}
	if storageURL == "" {
		stores = append(stores, "object-storage")
	}
	return strings.Join(stores, " ")
}

func (o *options) setCommand(args []string) error {
	for i, arg := range args {
		if !slices.Contains([]string{"databases", "services", "verify", "all"}, arg) {
			return fmt.Errorf("there is no command %s; see scripts/deploy-data-services.sh --help", arg)
		}
		if i > 0 {
			return fmt.Errorf("give one command, not %s", strings.Join(args, " and "))
		}
		o.command = arg
	}
	return nil
}

func (o *options) setTimeout(value string) error {
	seconds, err := strconv.ParseUint(value, 10, 31)
	if err != nil || seconds == 0 {
		return fmt.Errorf("the timeout %q is not a number of seconds, such as 600", value)
	}
	o.timeout = time.Duration(seconds) * time.Second
	return nil
}

// imageReference has no character that means something in YAML.
var imageReference = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/@-]*$`)

// setImage takes the image that `make image` made last where none is given.
func (o *options) setImage() error {
	if o.image == "" {
		made, err := os.ReadFile("bin/image.ref")
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		o.image = strings.TrimSpace(string(made))
	}
	if o.image != "" && !imageReference.MatchString(o.image) {
		return fmt.Errorf("%q is not a reference to an image, such as registry/name:tag", o.image)
	}
	return nil
}

func (o *options) setPoolSize() error {
	value := cmp.Or(os.Getenv("POOL_SIZE"), "4")
	size, err := strconv.ParseUint(value, 10, 31)
	if err != nil || size == 0 {
		return fmt.Errorf("POOL_SIZE %q is not a number of connections, such as 4", value)
	}
	o.poolSize = int(size)
	return nil
}

// check finds what is wrong whatever the cluster holds.
func (o *options) check() error {
	if o.adminURL != "" {
		if _, err := parseAdminURL(o.adminURL); err != nil {
			return err
		}
	}
	return errors.Join(o.storage.check(), checkStores(o.stores))
}
