package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

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
