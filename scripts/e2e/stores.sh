# Starts PostgreSQL next to the cluster, and provides the volume for the cluster's own object
# storage. Sourced by cluster.sh.

start_postgres() {
	local programs password
	programs=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
	password=$(openssl rand -hex 16)
	mkdir $RUN/postgres
	chown postgres: $RUN/postgres
	echo "$password" >$RUN/postgres.password
	as_postgres "$programs/initdb" --pgdata=$RUN/postgres/data --encoding=UTF8 --locale=C --auth=scram-sha-256 \
		--username=postgres --pwfile=/dev/stdin <$RUN/postgres.password >$RUN/log/initdb.log
	echo "host all all 10.244.0.0/24 scram-sha-256" >>$RUN/postgres/data/pg_hba.conf
	cat >$RUN/postgres.sh <<-END
		#!/bin/sh
		exec setpriv --reuid=postgres --regid=postgres --init-groups $programs/postgres -D $RUN/postgres/data \\
			-c listen_addresses=$NODE_IP -c unix_socket_directories=$RUN/postgres -c max_connections=100
	END
	start postgres sh $RUN/postgres.sh
	await 30 PostgreSQL "$programs/pg_isready" -h $NODE_IP
	ADMIN_DATABASE_URL="postgres://postgres:$password@$NODE_IP:5432/postgres?sslmode=disable"
	export ADMIN_DATABASE_URL
}

as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }

# offer_volume creates the volume that a provisioner would: a folder on the node.
offer_volume() {
	mkdir $RUN/objects
	chown root:65532 $RUN/objects
	chmod 2775 $RUN/objects # as fsGroup does for volumes that are not host folders
	kubectl apply -f - >/dev/null <<-END
		apiVersion: v1
		kind: PersistentVolume
		metadata: {name: objects}
		spec:
		  capacity: {storage: 100Gi}
		  accessModes: [ReadWriteOnce]
		  claimRef: {namespace: aic-data, name: data-management-pvc-object-storage-0}
		  hostPath: {path: $RUN/objects, type: Directory}
	END
}
