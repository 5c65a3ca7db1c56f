# Starts Kubernetes: one node, with the control plane next to it. Sourced by cluster.sh.

# NETWORK: a bridge shared by the pods and the programs outside them, without Internet access.
start_network() {
	ip link set lo up
	ip link add cni0 type bridge
	ip addr add $NODE_IP/24 dev cni0
	ip link set cni0 up
	ip route add 10.96.0.0/16 dev cni0 # routes Service addresses, which kube-proxy rewrites
	sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.route_localnet=1
	[ ! -e /proc/sys/net/bridge ] || sysctl -qw net.bridge.bridge-nf-call-iptables=1
	printf 'nameserver %s\nsearch svc.cluster.local\n' $NODE_IP >$RUN/resolv.conf
	mount --bind $RUN/resolv.conf /etc/resolv.conf
}

# kubeconfig FILE TOKEN
kubeconfig() {
	cat >"$1" <<-END
		apiVersion: v1
		kind: Config
		clusters: [{name: e2e, cluster: {server: "https://$NODE_IP:6443", certificate-authority: $RUN/apiserver/apiserver.crt}}]
		users: [{name: e2e, user: {token: "$2"}}]
		contexts: [{name: e2e, context: {cluster: e2e, user: e2e}}]
		current-context: e2e
	END
}

start_control_plane() {
	local k=$KUBERNETES/hyperkube token account
	token=$(openssl rand -hex 16)
	openssl genrsa -out $RUN/accounts.key 2048 2>/dev/null
	cat >$RUN/tokens.csv <<-END
		$token-admin,admin,admin,"system:masters"
		$token-manager,system:kube-controller-manager,manager,"system:masters"
		$token-scheduler,system:kube-scheduler,scheduler
		$token-proxy,system:kube-proxy,proxy,"system:node-proxier"
		$token-node,system:node:node1,node1,"system:nodes"
	END
	for account in admin manager scheduler proxy node; do
		kubeconfig $RUN/$account.conf "$token-$account"
	done
	# etcd's data is on an in-memory file system, for speed.
	start etcd etcd --data-dir /run/etcd --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
		--listen-peer-urls http://127.0.0.1:2380
	start apiserver "$k" kube-apiserver --etcd-servers=http://127.0.0.1:2379 --cert-dir=$RUN/apiserver \
		--bind-address=0.0.0.0 --advertise-address=$NODE_IP --secure-port=6443 --service-cluster-ip-range=10.96.0.0/16 \
		--service-account-issuer=https://kubernetes.default.svc.cluster.local \
		--service-account-key-file=$RUN/accounts.key --service-account-signing-key-file=$RUN/accounts.key \
		--token-auth-file=$RUN/tokens.csv --kubelet-preferred-address-types=InternalIP --authorization-mode=Node,RBAC --allow-privileged=true
	await 60 "the API server" kubectl get --raw /readyz
	start manager "$k" kube-controller-manager --kubeconfig=$RUN/manager.conf --service-account-private-key-file=$RUN/accounts.key \
		--root-ca-file=$RUN/apiserver/apiserver.crt --use-service-account-credentials=false --leader-elect=false \
		--kube-api-qps=200 --kube-api-burst=400
	start scheduler "$k" kube-scheduler --kubeconfig=$RUN/scheduler.conf --leader-elect=false
}

start_node() {
	cat >$RUN/kubelet.yaml <<-END
		apiVersion: kubelet.config.k8s.io/v1beta1
		kind: KubeletConfiguration
		failCgroupV1: false
		failSwapOn: false
		cgroupDriver: cgroupfs
		cgroupRoot: /$CGROUP
		enforceNodeAllocatable: []
		containerRuntimeEndpoint: unix://$CONTAINERD_ADDRESS
		clusterDNS: [$NODE_IP]
		clusterDomain: cluster.local
		resolvConf: ""
		authentication: {anonymous: {enabled: true}, webhook: {enabled: false}}
		authorization: {mode: AlwaysAllow}
		evictionHard: {memory.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%"}
		imageGCHighThresholdPercent: 100
		podLogsDir: $RUN/log/pods
		volumePluginDir: $RUN/kubelet/plugins
		nodeStatusUpdateFrequency: 10s
		syncFrequency: 10s
		kubeAPIQPS: 200
		kubeAPIBurst: 400
	END
	start kubelet "$KUBERNETES/hyperkube" kubelet --kubeconfig=$RUN/node.conf --config=$RUN/kubelet.yaml \
		--root-dir=$RUN/kubelet --cert-dir=$RUN/kubelet/pki --hostname-override=node1 --node-ip=$NODE_IP
	cat >$RUN/proxy.yaml <<-END
		apiVersion: kubeproxy.config.k8s.io/v1alpha1
		kind: KubeProxyConfiguration
		clientConnection: {kubeconfig: $RUN/proxy.conf}
		mode: iptables
		clusterCIDR: 10.244.0.0/24
		hostnameOverride: node1
		conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
		iptables: {minSyncPeriod: 0s, syncPeriod: 30s}
	END
	start proxy "$KUBERNETES/hyperkube" kube-proxy --config=$RUN/proxy.yaml
	cat >$RUN/Corefile <<-END
		.:53 {
		    bind $NODE_IP
		    errors
		    kubernetes cluster.local {
		        kubeconfig $RUN/admin.conf e2e
		        ttl 1
		    }
		}
	END
	start dns "$NETWORK/dns" -conf $RUN/Corefile
	await 60 "the node" sh -c 'kubectl get node node1 | grep -qw Ready'
}

# POLICIES: the bridge of the pods enforces no network policies, so kube-router does.
start_policies() {
	start policies "$POLICIES/kube-router" --kubeconfig=$RUN/admin.conf --hostname-override=node1 \
		--run-firewall=true --run-router=false --run-service-proxy=false --run-loadbalancer=false \
		--service-cluster-ip-range=10.96.0.0/16 --health-port=0 --metrics-port=0
	await 60 "the network policies" sh -c 'iptables -S FORWARD | grep -q KUBE-ROUTER-FORWARD'
}
