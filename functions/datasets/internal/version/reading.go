package version

// SelectReading selects the reading options of a version v. Versions from before there were options have the encoding and
// the absence of a header in columns of their own.
const SelectReading = `coalesce(v.reading, jsonb_strip_nulls(jsonb_build_object('encoding', v.charset, 'header', CASE WHEN v.header_absent THEN 'absent' END))) AS reading`
