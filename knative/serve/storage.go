package main

// The object stores that a deployment may name by URL, beside local directories.
import (
	_ "gocloud.dev/blob/s3blob" // s3://bucket?region=…, and what speaks its protocol
)
