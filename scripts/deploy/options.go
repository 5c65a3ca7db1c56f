package main

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"slices"
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
