// Package drivers links what a deployment may name by URL: key services, object stores,
// MongoDB and Redis. The programs import it; functions and their tests know interfaces
// alone, so that no test links what it does not use.
package drivers

import (
	_ "gocloud.dev/blob/s3blob"           // s3://bucket?region=…, and what speaks its protocol
	_ "gocloud.dev/secrets/awskms"        // awskms://
	_ "gocloud.dev/secrets/azurekeyvault" // azurekeyvault://
	_ "gocloud.dev/secrets/gcpkms"        // gcpkms://
	_ "gocloud.dev/secrets/hashivault"    // hashivault://

	_ "function/shared/documents/mongodb" // mongodb://, mongodb+srv://
	_ "function/shared/ratelimit/redis"   // redis://, rediss://
)
