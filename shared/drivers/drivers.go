// Package drivers links the drivers that a deployment can select by URL: key services, object
// stores, MongoDB, Redis and search servers. Only the programs that run in a cluster import it. Functions and their
// tests use interfaces, so that no test links a driver that it does not use.
package drivers

import (
	_ "gocloud.dev/secrets/awskms"        // awskms://
	_ "gocloud.dev/secrets/azurekeyvault" // azurekeyvault://
	_ "gocloud.dev/secrets/gcpkms"        // gcpkms://
	_ "gocloud.dev/secrets/hashivault"    // hashivault://

	_ "function/shared/documents/mongodb" // mongodb://, mongodb+srv://
	_ "function/shared/objects/azure"     // azblob://container
	_ "function/shared/objects/gcs"       // gs://bucket
	_ "function/shared/objects/s3"        // s3://bucket?region=…, and compatible stores
	_ "function/shared/ratelimit/redis"   // redis://, rediss://
	_ "function/shared/search/elastic"    // http://, https://, of Elasticsearch or OpenSearch
)
