package main

import (
	_ "gocloud.dev/blob/s3blob" // s3://bucket?region=…, and compatible stores

	_ "function/shared/documents/mongodb" // mongodb://, mongodb+srv://
)
