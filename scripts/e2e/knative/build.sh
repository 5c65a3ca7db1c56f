# Knative Serving and Eventing, with the broker that keeps events in memory.
for c in controller webhook activator autoscaler queue; do
	program dev.local/serving/$c:e2e knative.dev/serving/cmd/$c
done
for c in controller webhook mtping mtchannel_broker broker/filter broker/ingress in_memory/channel_controller in_memory/channel_dispatcher; do
	program "dev.local/eventing/${c/\//}:e2e" knative.dev/eventing/cmd/$c
done

go mod download knative.dev/networking knative.dev/caching
serving=$(module knative.dev/serving)/config/core
networking=$(module knative.dev/networking)/config
caching=$(module knative.dev/caching)/config
eventing=$(module knative.dev/eventing)
core=$eventing/config/core broker=$eventing/config/brokers/mt-channel-broker channel=$eventing/config/channels/in-memory-channel

collect 1-types "$serving"/300-resources/*.yaml "$networking"/{ingress,serverlessservice,certificate,domain-claim}.yaml "$caching/image.yaml" \
	"$core"/resources/*.yaml "$channel"/resources/*.yaml
collect 2-accounts "$serving/100-namespace.yaml" "$serving"/200-roles/*.yaml "$serving/200-serviceaccount.yaml" \
	"$core/100-namespace.yaml" "$core"/200-*.yaml "$core"/roles/*.yaml "$broker"/roles/*.yaml "$channel"/200-*.yaml "$channel"/roles/*.yaml
collect 3-configuration "$serving"/configmaps/*.yaml "$networking/config-network.yaml" \
	"$core"/configmaps/*.yaml "$channel"/configmaps/*.yaml "$eventing"/third_party/eventing-integrations-latest/*.yaml
# Without the HorizontalPodAutoscalers (there are no metrics), JobSink and RequestReply.
collect 4-programs "$serving"/webhooks/*.yaml "$serving"/deployments/{activator,autoscaler,controller,webhook}.yaml "$serving/999-cache.yaml" \
	"$core"/webhooks/*.yaml "$channel"/webhooks/*.yaml "$core"/deployments/{controller,webhook,pingsource-mt-adapter}.yaml \
	"$channel"/deployments/*.yaml "$broker"/deployments/{broker-filter,broker-ingress,controller}.yaml
collect 5-certificate "$serving/300-knativecertificate.yaml" # its webhook must be there already
