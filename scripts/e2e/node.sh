# Shared by the scripts that run inside the cluster's namespaces: a private /run and /var, the
# programs, and containerd. Sourced, never run.
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
RUN=/run/e2e # all files of this run; on disk
KUBERNETES=$(cached kubernetes) KNATIVE=$(cached knative) NETWORK=$(cached network) POLICIES=$(cached policies) UNPACKED=$(unpacked)
NODE_IP=10.244.0.1 # the bridge
export CONTAINERD_ADDRESS=/run/containerd/containerd.sock CONTAINERD_NAMESPACE=k8s.io
export KUBECONFIG=$RUN/admin.conf HOME=$RUN/home

trap 'exit 130' INT TERM # the first process of a namespace ignores these signals by default

# private_folders hides what programs leave behind in /run and /var.
private_folders() {
	mount -t tmpfs tmpfs /run
	mount -t tmpfs tmpfs /var
	mkdir -p $RUN /var/{lib,log,tmp,cache}
	ln -s /run /var/run
	mount --bind "$CACHE/run" $RUN
	mkdir -p $RUN/{log,home,bin}
	printf '#!/bin/sh\nexec %s/hyperkube kubectl "$@"\n' "$KUBERNETES" >$RUN/bin/kubectl
	chmod +x $RUN/bin/kubectl
	PATH=$RUN/bin:$PATH
	mount --make-rshared / # kubelet and containerd propagate mounts to each other
}

# start NAME COMMAND... runs a program in the background, with its output in a log.
start() {
	local name=$1
	shift
	setsid "$@" >"$RUN/log/$name.log" 2>&1 </dev/null &
}

# await SECONDS WHAT COMMAND... repeats a command until it succeeds.
await() {
	local end=$((SECONDS + $1)) what=$2
	shift 2
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || fail "$what: timed out"
		sleep 0.1
	done
}

# start_containerd DIR runs containerd with its content and images in a folder.
start_containerd() {
	mkdir -p $RUN/cni
	cat >$RUN/cni/10-bridge.conflist <<-END
		{"cniVersion": "0.4.0", "name": "e2e", "plugins": [
		 {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true, "ipam": {
		  "type": "host-local", "dataDir": "/run/ipam", "routes": [{"dst": "0.0.0.0/0"}],
		  "ranges": [[{"subnet": "10.244.0.0/24", "rangeStart": "10.244.0.10"}]]}}]}
	END
	cat >$RUN/containerd.toml <<-END
		version = 2
		root = "$1"
		state = "/run/containerd"
		[grpc]
		  address = "$CONTAINERD_ADDRESS"
		[plugins."io.containerd.internal.v1.opt"]
		  path = "/run/containerd/opt"
		[plugins."io.containerd.grpc.v1.cri"]
		  sandbox_image = "dev.local/pause:e2e"
		  disable_apparmor = true
		  restrict_oom_score_adj = true
		  [plugins."io.containerd.grpc.v1.cri".cni]
		    bin_dir = "/usr/lib/cni"
		    conf_dir = "$RUN/cni"
		  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
		    runtime_type = "io.containerd.runc.v2"
	END
	start containerd containerd --config $RUN/containerd.toml
	await 20 containerd ctr version
}
