# Starts Knative Serving, Eventing and Kourier. Sourced by cluster.sh.

# configure NAMESPACE CONFIGMAP JSON
configure() { kubectl -n "$1" patch configmap "$2" --type merge -p "{\"data\": $3}" >/dev/null; }

start_knative() {
	local m=$KNATIVE/manifests
	kubectl apply --server-side -f $m/1-types.yaml >/dev/null
	kubectl apply -f $m/2-accounts.yaml -f $m/3-configuration.yaml >/dev/null
	configure knative-serving config-network '{"ingress-class": "kourier.ingress.networking.knative.dev"}'
	configure knative-serving config-domain '{"e2e.test": ""}'
	# Idle functions scale to zero after about 12 s rather than 90, because the tests often wait for
	# it.
	configure knative-serving config-autoscaler '{"allow-zero-initial-scale": "true", "stable-window": "6s", "scale-to-zero-grace-period": "6s"}'
	kubectl wait --for=condition=Established crd --all --timeout=60s >/dev/null
	kubectl apply -f $m/4-programs.yaml -f $NETWORK/manifests/kourier.yaml >/dev/null
}

await_knative() {
	local namespace
	for namespace in knative-serving kourier-system knative-eventing; do
		kubectl -n $namespace wait --for=condition=Available deployment --all --timeout=180s >/dev/null ||
			fail "$namespace did not get ready: $(kubectl -n $namespace get pods --no-headers | grep -v Running)"
	done
	kubectl apply -f $KNATIVE/manifests/5-certificate.yaml >/dev/null
}
