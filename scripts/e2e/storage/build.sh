# The object storage of knative/stores, under the name that its manifest has.
version=$(go list -m -f '{{.Version}}' github.com/versity/versitygw)
program "docker.io/versity/versitygw:$version" github.com/versity/versitygw/cmd/versitygw
