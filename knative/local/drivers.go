package main

import (
	_ "function/shared/objects/s3" // s3://bucket?region=…, and compatible stores

	_ "function/shared/documents/mongodb" // mongodb://, mongodb+srv://
)
