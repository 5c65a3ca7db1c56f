#!/usr/bin/env bash
# Deploys the data services to the cluster that kubectl talks to. Doing it again
# changes only what has changed; secrets that exist are kept.
#
#   scripts/deploy-data-services.sh [databases|services|verify|all] [options]
#
#   databases   the namespace, the secrets that are missing, and the stores
#   services    the migrations, then the functions, then the events' ways
#   verify      whether all of it is ready and answers
#   all         the three in turn (the default)
#
# Options, most also an environment variable:
#   --overlay NAME  OVERLAY  local (the default), staging, production, or a folder
#                            that has all of knative/ and eventing/ in it
#   --image REF     IMAGE    the functions' image; default: what `make image` made
#   --stores LIST   STORES   of knative/stores; default: postgresql and object-storage,
#                            without those that the two URLs below replace
#   --timeout SEC   TIMEOUT  for each step (600)
#   --monitoring             also scrape configuration, alert rules and dashboards, for
#                            the Prometheus operator (knative/monitoring)
#   --keep-schema            run no migrations: to go back to an earlier image
#   --dry-run       DRY_RUN  print the manifests and do nothing
#
# Environment:
#   ADMIN_DATABASE_URL  postgres://… of an existing PostgreSQL, by a role that may
#                       make roles and databases
#   STORAGE_URL         s3://… of an existing bucket, with AWS_ACCESS_KEY_ID and
#                       AWS_SECRET_ACCESS_KEY; or file:///… of a shared volume
#   SMTP_URL            smtp://user:password@host:587 of a mail server, without which no
#                       mail is sent; the production overlay needs one
#   VERIFY_EMAIL VERIFY_PASSWORD
#                       of an account that verify logs in as, where registrations are
#                       confirmed by mail; else it opens one and erases it
#   POOL_SIZE           PostgreSQL connections of each pod and database (4)
set -euo pipefail
cd "$(dirname "$0")/.."

namespace=aic-data
domains=(users datasets analytics compliance platform gateway)
stored_database=postgresql-service.aic-platform.svc.cluster.local:5432
stored_objects="s3://datasets?region=us-east-1&use_path_style=true&endpoint=http://object-storage-service.$namespace.svc.cluster.local:7070"

usage() { sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p;}' "$0"; }
say() { printf '%s\n' "$*" >&2; }
fail() {
	say "deploy: $*"
	exit 1
}

command=all
overlay=${OVERLAY:-local} image=${IMAGE:-} stores=${STORES-default} timeout=${TIMEOUT:-600} dry_run=${DRY_RUN:-} keep_schema= monitoring=
while [ $# -gt 0 ]; do
	case $1 in
	databases | services | verify | all) command=$1 ;;
	--overlay | --image | --stores | --timeout)
		[ $# -ge 2 ] || fail "$1 needs a value"
		printf -v "${1#--}" %s "$2"
		shift
		;;
	--dry-run) dry_run=yes ;;
	--keep-schema) keep_schema=yes ;;
	--monitoring) monitoring=yes ;;
	-h | --help)
		usage
		exit
		;;
	*) fail "there is no $1; see $0 --help" ;;
	esac
	shift
done
if [ "$stores" = default ]; then
	stores="${ADMIN_DATABASE_URL:+-}postgresql ${STORAGE_URL:+-}object-storage"
	stores=$(tr ' ' '\n' <<<"$stores" | grep -v '^-' | tr '\n' ' ' || true)
fi
if [ -z "$image" ] && [ -e bin/image.ref ]; then
	image=$(<bin/image.ref)
fi
command -v kubectl >/dev/null || fail "kubectl is not on the PATH; see https://kubernetes.io/docs/tasks/tools/"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# render writes the manifests of the functions and of the events' ways.
render() {
	local folders=("$overlay")
	[ -d "$overlay" ] || folders=("knative/overlays/$overlay" "eventing/overlays/$overlay")
	for folder in "${folders[@]}"; do
		[ -d "$folder" ] || fail "there is no overlay $overlay: $folder is missing"
		echo ---
		kubectl kustomize "$folder"
	done | sed -E "s#^( *(- )?image:) aic-data\$#\1 $image#"
}

apply() { kubectl apply --server-side --force-conflicts --field-manager=deploy-data-services "$@" >/dev/null; }

# apply_component applies what has a label of the rendered manifests.
apply_component() { apply -f "$work/manifests.yaml" -l "app.kubernetes.io/component in ($1)"; }

secret_exists() { kubectl -n "$1" get secret "$2" -o name >/dev/null 2>&1; }
configured_secret() { kubectl -n $namespace get secret "$1" -o go-template="{{index .data \"$2\"}}" 2>/dev/null | sed 's/<no value>//'; }
secret_value() { kubectl -n "$1" get secret "$2" -o go-template="{{index .data \"$3\" | base64decode}}"; }

# make_secret NAMESPACE NAME KEY=VALUE…: values go by a pipe, not by arguments,
# which other processes can read.
make_secret() {
	local in=$1 name=$2
	shift 2
	printf '%s\n' "$@" | kubectl -n "$in" create secret generic "$name" --from-env-file=/dev/stdin >/dev/null
	say "  secret $name: made"
}

# missing tells whether a secret is to be made.
missing() {
	if secret_exists "$@"; then
		say "  secret $2: kept"
		return 1
	fi
}

# complete NAMESPACE NAME KEY VALUE: adds a key that an older release's secret has not; it
# never changes one.
complete() {
	[ -n "$(kubectl -n "$1" get secret "$2" -o go-template="{{index .data \"$3\"}}" | sed 's/<no value>//')" ] && return
	printf '{"data": {"%s": "%s"}}' "$3" "$(printf %s "$4" | base64 | tr -d '\n')" |
		kubectl -n "$1" patch secret "$2" --type merge --patch-file=/dev/stdin >/dev/null
	say "  secret $2: $3 added"
}

password() { openssl rand -hex 24; }
encryption_key() { echo "base64key://$(openssl rand -base64 32 | tr '+/' '-_')"; }

# role_url ADMIN_URL ROLE DATABASE: the same server, as a role with a new password.
role_url() {
	[[ $1 =~ ^(postgres(ql)?://)([^@/]*@)?([^/?]+)(/[^?]*)?(\?.*)?$ ]] || fail "ADMIN_DATABASE_URL is not postgres://user:password@host/database"
	echo "${BASH_REMATCH[1]}$2:$(password)@${BASH_REMATCH[4]}/$3${BASH_REMATCH[6]}"
}

# pooled adds the size of a pod's pool to a URL.
pooled() {
	local url separator='?'
	url=$(secret_value $namespace migrate-secret "$1")
	[[ $url != *\?* ]] || separator='&'
	echo "$1=$url${separator}pool_max_conns=${POOL_SIZE:-4}"
}

make_secrets() {
	local admin=${ADMIN_DATABASE_URL:-} reader
	if [[ " $stores " == *" postgresql "* ]] && missing aic-platform postgresql-secret; then
		make_secret aic-platform postgresql-secret "password=$(password)"
	fi
	if missing $namespace migrate-secret; then
		if [ -z "$admin" ]; then
			secret_exists aic-platform postgresql-secret || fail "there is no PostgreSQL: give ADMIN_DATABASE_URL, or postgresql among the stores"
			admin="postgres://postgres:$(secret_value aic-platform postgresql-secret password)@$stored_database/postgres"
		fi
		make_secret $namespace migrate-secret "ADMIN_DATABASE_URL=$admin" \
			"USERS_DATABASE_URL=$(role_url "$admin" user_management user_management_db)" \
			"DATASETS_DATABASE_URL=$(role_url "$admin" data_management data_management_db)" \
			"ANALYTICS_DATABASE_URL=$(role_url "$admin" analytics analytics_db)" \
			"IDENTITY_DATABASE_URL=$(role_url "$admin" token_verifier user_management_db)" \
			"CATALOG_DATABASE_URL=$(role_url "$admin" catalog_reader data_management_db)" \
			"READER_DATABASE_URL=$(role_url "$admin" analytics_reader analytics_db)"
	fi
	if [ -z "$(configured_secret migrate-secret COMPLIANCE_DATABASE_URL)" ]; then
		admin=$(secret_value $namespace migrate-secret ADMIN_DATABASE_URL)
		complete $namespace migrate-secret COMPLIANCE_DATABASE_URL "$(role_url "$admin" compliance user_management_db)"
		reader=$(role_url "$admin" audit_reader data_management_db)
		complete $namespace migrate-secret DATASETS_AUDIT_DATABASE_URL "$reader"
		complete $namespace migrate-secret ANALYTICS_AUDIT_DATABASE_URL "${reader/data_management_db/analytics_db}"
	fi
	if missing $namespace user-management-secret; then
		make_secret $namespace user-management-secret "$(pooled USERS_DATABASE_URL)" "$(pooled IDENTITY_DATABASE_URL)" \
			"KEY_ENCRYPTION_KEY_URL=$(encryption_key)" "BLIND_INDEX_KEY=$(openssl rand -base64 32)" ${SMTP_URL:+"SMTP_URL=$SMTP_URL"}
	fi
	if missing $namespace data-management-secret; then
		make_secret $namespace data-management-secret "$(pooled DATASETS_DATABASE_URL)" \
			"KEY_ENCRYPTION_KEY_URL=$(encryption_key)" "BLIND_INDEX_KEY=$(openssl rand -base64 32)"
	fi
	if missing $namespace analytics-secret; then
		make_secret $namespace analytics-secret "$(pooled ANALYTICS_DATABASE_URL)" "$(pooled CATALOG_DATABASE_URL)" "$(pooled READER_DATABASE_URL)"
	fi
	if ! secret_exists $namespace compliance-secret || [ -z "$(configured_secret compliance-secret COMPLIANCE_DATABASE_URL)" ]; then
		if secret_exists $namespace compliance-secret; then
			complete $namespace compliance-secret COMPLIANCE_DATABASE_URL "$(pooled COMPLIANCE_DATABASE_URL | cut -d = -f 2-)"
		else
			make_secret $namespace compliance-secret "$(pooled COMPLIANCE_DATABASE_URL)"
		fi
	fi
	complete $namespace data-management-secret DATASETS_AUDIT_DATABASE_URL "$(pooled DATASETS_AUDIT_DATABASE_URL | cut -d = -f 2-)"
	complete $namespace analytics-secret ANALYTICS_AUDIT_DATABASE_URL "$(pooled ANALYTICS_AUDIT_DATABASE_URL | cut -d = -f 2-)"
	if missing $namespace data-storage-secret; then
		if [ -z "${STORAGE_URL:-}" ] && [[ " $stores " != *" object-storage "* ]]; then
			fail "there is no object storage: give STORAGE_URL, or object-storage among the stores"
		fi
		make_secret $namespace data-storage-secret "STORAGE_LOCAL_URL=${STORAGE_URL:-$stored_objects}" \
			"AWS_ACCESS_KEY_ID=${AWS_ACCESS_KEY_ID:-$(openssl rand -hex 10)}" "AWS_SECRET_ACCESS_KEY=${AWS_SECRET_ACCESS_KEY:-$(password)}"
	fi
	local store
	for store in mongodb clickhouse redis; do
		if [[ " $stores " == *" $store "* ]] && missing $namespace $store-secret; then
			make_secret $namespace $store-secret "password=$(password)"
		fi
	done
}

# store_namespace is where a store lives: PostgreSQL is with the core services (docs/contract.md).
store_namespace() { if [ "$1" = postgresql ]; then echo aic-platform; else echo $namespace; fi; }

deploy_databases() {
	local store
	say "namespace and secrets"
	apply -f knative/base/namespace.yaml
	if [[ " $stores " == *" postgresql "* ]]; then apply -f knative/stores/postgresql/namespace.yaml; fi
	make_secrets
	for store in $stores; do
		[ -d "knative/stores/$store" ] || fail "there is no store $store; there are: $(cd knative/stores && echo */)"
		say "store $store"
		apply -k "knative/stores/$store"
	done
	for store in $stores; do
		kubectl -n "$(store_namespace "$store")" rollout status "statefulset/$store" --timeout="${timeout}s" >&2 ||
			explain "$(store_namespace "$store")" statefulset "$store" "app=$store"
	done
}

# explain says why something is not ready, and ends.
explain() {
	local in=$1 kind=$2 name=$3 pods=$4
	say "" "deploy: $kind $name is not ready after $timeout s"
	kubectl -n "$in" describe "$kind" "$name" 2>&1 | sed -n '/^Status:/,$p' | tail -n 40 >&2 || true
	say "its pods:"
	kubectl -n "$in" get pods -l "$pods" -o wide >&2 || true
	kubectl -n "$in" get events --sort-by=.lastTimestamp 2>/dev/null | grep -F "$name" | tail -n 8 >&2 || true
	say "the last lines of their logs:"
	kubectl -n "$in" logs -l "$pods" --all-containers --tail=15 --prefix >&2 || true
	exit 1
}

migrate() {
	local present state
	present=$(kubectl -n $namespace get job migrate --ignore-not-found -o jsonpath='{.spec.template.spec.containers[0].image} {.status.succeeded}')
	if [ "$present" = "$image 1" ]; then
		say "migrations: done by this image"
		return
	fi
	say "migrations"
	kubectl -n $namespace delete job migrate --ignore-not-found --wait >/dev/null
	apply_component migrate
	for ((waited = 0; waited < timeout; waited++)); do
		state=$(kubectl -n $namespace get job migrate -o jsonpath='{range .status.conditions[?(@.status=="True")]}{.type} {end}')
		case $state in
		*Complete*) return ;;
		*Failed*) break ;;
		esac
		sleep 1
	done
	explain $namespace job migrate job-name=migrate
}

# Of each resource its type, name, and whether its controller calls what was applied
# last ready.
# shellcheck disable=SC2016 # the dollars are the template's
readiness='{{range .items}}{{$generation := print .metadata.generation}}{{.kind}} {{.apiVersion}} {{.metadata.name}}{{with .status}}{{if eq $generation (print .observedGeneration)}}{{range .conditions}}{{if eq .type "Ready"}} {{.status}}{{end}}{{end}}{{end}}{{end}}{{"\n"}}{{end}}'

# await_ready KINDS SELECTOR: prints how many are ready whenever that changes.
await_ready() {
	local states ready all shown='' until=$((SECONDS + timeout)) kind version name
	while :; do
		states=$(kubectl -n $namespace get "$1" -l "$2" -o go-template="$readiness")
		all=$(grep -c . <<<"$states" || true)
		ready=$(grep -c ' True$' <<<"$states" || true)
		if [ "$ready/$all" != "$shown" ]; then
			shown=$ready/$all
			say "  $shown ready"
		fi
		[ "$ready" -lt "$all" ] || return 0
		[ $SECONDS -lt $until ] || break
		sleep 1
	done
	states=$(grep -v ' True$' <<<"$states")
	say "not ready:" "$(cut -d ' ' -f 1,3- <<<"$states")"
	read -r kind version name _ <<<"$states"
	explain $namespace "$kind.${version#*/}.${version%/*}" "$name" "serving.knative.dev/service=$name"
}

check_knative() {
	local resource
	for resource in services.serving.knative.dev triggers.eventing.knative.dev pingsources.sources.knative.dev; do
		kubectl get crd $resource >/dev/null 2>&1 || fail "the cluster has no $resource: install Knative Serving and Eventing (https://knative.dev/docs/install/)"
	done
	if grep -q 'initial-scale: "0"' "$work/manifests.yaml" &&
		[ "$(kubectl -n knative-serving get configmap config-autoscaler -o jsonpath='{.data.allow-zero-initial-scale}')" != true ]; then
		fail "the overlay $overlay starts functions at zero, which this cluster does not allow yet; allow it with:
  kubectl -n knative-serving patch configmap config-autoscaler --type merge -p '{\"data\":{\"allow-zero-initial-scale\":\"true\"}}'"
	fi
}

check_monitoring() {
	local resource
	for resource in scrapeconfigs prometheusrules; do
		kubectl get crd $resource.monitoring.coreos.com >/dev/null 2>&1 || fail "the cluster has no $resource.monitoring.coreos.com: install the Prometheus operator,
  or leave out --monitoring and give your Prometheus knative/monitoring/prometheus.yaml and rules.yaml"
	done
}

# configured prints a value of the rendered configuration.
configured() { sed -n "s/^  $1: //p" "$work/manifests.yaml" | tr -d '"' | head -n 1; }

# check_config finds what would be wrong only once people use it.
check_config() {
	local smtp=${SMTP_URL:-}
	if [[ $(configured PUBLIC_URL) != http?(s)://* || $(configured PUBLIC_URL) == *.invalid* ]]; then
		fail "the overlay $overlay does not set PUBLIC_URL in aic-data-config: the https://… of the pages that people see.
  Mails link to them, and passkeys belong to their host for good (docs/operations.md, \"Before people come\")"
	fi
	if secret_exists $namespace user-management-secret; then
		smtp=$(kubectl -n $namespace get secret user-management-secret -o jsonpath='{.data.SMTP_URL}')
	fi
	if { [ "$(configured MAIL)" != true ] && [ -n "$smtp" ]; } || { [ "$(configured MAIL)" = true ] && [ -z "$smtp" ]; }; then
		fail "the overlay $overlay says MAIL: \"$(configured MAIL)\", and SMTP_URL is ${smtp:+given}${smtp:-not given}: MAIL is \"true\" where there is a mail server (SMTP_URL), and \"false\" elsewhere"
	fi
	if [ "$(configured REGISTRATION_CONFIRMATION)" = true ] && [ -z "$smtp" ]; then
		fail "the overlay $overlay has registrations confirmed by mail, and there is no mail server:
  give SMTP_URL before the first deployment, or add it to the secret user-management-secret"
	fi
}

# prepare finds what would fail later.
prepare() {
	[ -n "$image" ] || fail "there is no image: run make image, or give --image"
	render >"$work/manifests.yaml"
	check_knative
	[ -z "$monitoring" ] || check_monitoring
	check_config
}

deploy_services() {
	local domain
	say "configuration, accounts, networks"
	apply -f "$work/manifests.yaml" -l "app.kubernetes.io/component notin (migrate, eventing, $(IFS=,; echo "${domains[*]}"))"
	secret_exists $namespace migrate-secret || fail "the secrets are missing: run $0 databases, or make those that docs/operations.md lists"
	[ -n "$keep_schema" ] || migrate
	for domain in "${domains[@]}"; do
		say "functions of $domain"
		apply_component "$domain"
		await_ready services.serving.knative.dev "app.kubernetes.io/component=$domain"
	done
	say "broker, triggers, schedules"
	apply_component eventing
	await_ready brokers,triggers,pingsources app.kubernetes.io/component=eventing
	if [ -n "$monitoring" ]; then
		say "monitoring"
		apply -k knative/monitoring
	fi
}

verify() {
	local store
	for store in $stores; do
		kubectl -n "$(store_namespace "$store")" rollout status "statefulset/$store" --timeout=5s >&2 || fail "store $store is not ready"
	done
	timeout=5
	say "functions"
	await_ready services.serving.knative.dev app.kubernetes.io/part-of=aic-data
	say "broker, triggers, schedules"
	await_ready brokers,triggers,pingsources app.kubernetes.io/part-of=aic-data
	call_gateway
}

# see_callers has Kourier append the address that it sees to X-Forwarded-For. Its default
# passes on what the caller wrote: then callers choose the address that limits, lockouts
# and the audit trail see.
see_callers() {
	kubectl get namespace kourier-system >/dev/null 2>&1 || return 0
	case $(kubectl -n knative-serving get configmap config-kourier -o 'jsonpath={.data.use-remote-address}' 2>/dev/null) in
	true) ;;
	"")
		say 'Kourier: use-remote-address: "true"'
		kubectl -n knative-serving patch configmap config-kourier --type merge -p '{"data": {"use-remote-address": "true"}}' >&2
		;;
	*) fail 'config-kourier in knative-serving sets use-remote-address: "false", by which callers choose their own address: set it to "true"' ;;
	esac
}

# call_with_forged_address logs in through the ingress with a forged X-Forwarded-For, as a
# throw-away account or that of VERIFY_EMAIL and VERIFY_PASSWORD, and fails if the session
# list shows the forged address.
call_with_forged_address() {
	local forged=203.0.113.77 email=${VERIFY_EMAIL:-} password=${VERIFY_PASSWORD:-} token
	if [ "$(kubectl -n knative-serving get configmap config-kourier -o 'jsonpath={.data.use-remote-address}')" != true ]; then
		fail 'callers choose their own address: config-kourier in knative-serving needs use-remote-address: "true"'
	fi
	if [ -z "$email" ]; then
		email=verify-$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')@example.com password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
		if [ "$(ask /v1/users/register -o /dev/null -w '%{http_code}' -d "{\"email\":\"$email\",\"password\":\"$password\",\"first_name\":\"Deployment\",\"last_name\":\"Check\"}")" != 201 ]; then
			say "address of callers: not tried, since accounts are confirmed by mail here: give VERIFY_EMAIL and VERIFY_PASSWORD of one"
			return
		fi
	fi
	token=$(ask /v1/users/login -H "X-Forwarded-For: $forged" -d "{\"email\":\"$email\",\"password\":\"$password\"}" | sed -n 's/.*"access_token":"\([^"]*\).*/\1/p')
	[ -n "$token" ] || fail "no login with VERIFY_EMAIL and VERIFY_PASSWORD (an account without a second factor)"
	if ask /v1/users/sessions -H "Authorization: Bearer $token" | grep -q "$forged"; then
		fail "callers choose their own address: the session list shows a forged X-Forwarded-For (docs/operations.md, TRUSTED_PROXIES)"
	fi
	if [ -z "${VERIFY_EMAIL:-}" ]; then
		ask "/v1/users/profile?delete_organizations=true" -X DELETE -H "Authorization: Bearer $token" >/dev/null || true
	fi
	say "address of callers: a forged X-Forwarded-For is not believed"
}

# ask calls a path through the ingress: POST with -d, else GET.
ask() {
	local path=$1
	shift
	curl -s --max-time 60 -H "Host: $host" -H 'Content-Type: application/json' "http://127.0.0.1:$port$path" "$@"
}

# call_gateway asks the platform for its signing keys: through the ingress, the
# gateway and a function with a database, all of them perhaps at zero.
call_gateway() {
	local port=18080 forward answer host=user-management-service.$namespace.svc.cluster.local
	if ! command -v curl >/dev/null || ! kubectl -n kourier-system get service kourier-internal >/dev/null 2>&1; then
		say "not called: that takes curl here and Kourier in the cluster"
		return
	fi
	kubectl -n kourier-system port-forward service/kourier-internal $port:80 >/dev/null 2>&1 &
	forward=$!
	answer=$(curl -s --retry 20 --retry-connrefused --retry-delay 1 --max-time 60 -o /dev/null -w '%{http_code} in %{time_total} s' \
		-H "Host: $host" "http://127.0.0.1:$port/.well-known/jwks.json") || true
	say "http://$host/.well-known/jwks.json: $answer"
	# shellcheck disable=SC2064 # the process that there is now
	trap "kill $forward" EXIT
	[[ $answer == 200* ]] || fail "the platform does not answer"
	call_with_forged_address
	kill $forward
	trap - EXIT
}

if [ -n "$dry_run" ]; then
	if [ "$command" != services ]; then
		for store in $stores; do
			echo ---
			kubectl kustomize "knative/stores/$store"
		done
	fi
	if [ "$command" != databases ]; then
		render
		if [ -n "$monitoring" ]; then
			echo ---
			kubectl kustomize knative/monitoring
		fi
	fi
	exit
fi
kubectl version >/dev/null 2>&1 || fail "kubectl reaches no cluster: $(kubectl version 2>&1 | tail -n 1)"
case $command in
databases) deploy_databases ;;
services)
	prepare
	see_callers
	deploy_services
	;;
verify) verify ;;
all)
	prepare
	see_callers
	deploy_databases
	deploy_services
	verify
	;;
esac
say "done"
