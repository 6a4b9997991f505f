package rewrite

// OutputName is outputName, for a describer that stands in for PostgreSQL.
var OutputName = outputName
