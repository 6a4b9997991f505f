package rewrite

// functionKind tells the functions of pg_catalog that a statement over tables may call. What is not listed is refused:
// it could read tables, files or settings behind the analysis, change the connection's state, or tell where a row lies.
type functionKind int

const (
	scalarFunction functionKind = iota + 1
	aggregateFunction
)

// safeFunctions computes from its arguments alone, or from the clock.
var safeFunctions = func() map[string]functionKind {
	list := map[string]functionKind{}
	for _, name := range []string{
		// text (src/backend/utils/adt/varlena.c, oracle_compat.c, formatting.c)
		"lower", "upper", "initcap", "length", "char_length", "character_length", "octet_length", "bit_length", "btrim",
		"ltrim", "rtrim", "substr", "substring", "overlay", "position", "strpos", "replace", "translate", "left", "right",
		"lpad", "rpad", "repeat", "reverse", "split_part", "starts_with", "concat", "concat_ws", "ascii", "chr", "md5",
		"like_escape", "regexp_replace", "to_char", "to_number", "to_date", "to_timestamp", "encode", "decode",
		// numbers
		"abs", "sign", "ceil", "ceiling", "floor", "round", "trunc", "mod", "div", "power", "pow", "sqrt", "exp", "ln",
		"log", "gcd", "lcm", "width_bucket",
		// dates and times
		"now", "transaction_timestamp", "statement_timestamp", "clock_timestamp", "timezone", "date_trunc", "date_part",
		"extract", "age", "make_date", "make_time", "make_timestamp", "make_timestamptz", "make_interval",
		"justify_days", "justify_hours", "justify_interval", "isfinite", "date_bin", "overlaps",
		// others
		"gen_random_uuid", "array_length", "cardinality", "array_to_string", "string_to_array", "array_position",
		"jsonb_build_object", "jsonb_build_array", "json_build_object", "json_build_array", "to_json", "to_jsonb",
		"jsonb_extract_path", "jsonb_extract_path_text", "json_extract_path", "json_extract_path_text", "jsonb_typeof",
		"json_typeof", "jsonb_array_length", "json_array_length", "num_nulls", "num_nonnulls",
	} {
		list[name] = scalarFunction
	}
	for _, name := range []string{"count", "sum", "min", "max", "avg", "bool_and", "bool_or", "every", "array_agg",
		"string_agg"} {
		list[name] = aggregateFunction
	}
	return list
}()

// catalogFunctions may be called, beside the safe ones, in statements that read nothing but the system catalogs of the
// logical database, which holds no rows: what psql, drivers and ORMs ask to learn the schema.
var catalogFunctions = func() map[string]bool {
	list := map[string]bool{}
	for _, name := range []string{
		"array_upper", "array_lower", "unnest", "generate_series", "generate_subscripts", "array_agg", "string_agg",
		"array_cat", "array_append", "array_prepend", "array_remove", "any_value", "row_number", "rank", "dense_rank", "json_agg", "jsonb_agg",
		"jsonb_object_agg", "json_object_agg", "row_to_json", "json_build_array",
		"pg_get_expr", "pg_get_constraintdef", "pg_get_indexdef", "pg_get_viewdef", "pg_get_userbyid",
		"pg_get_partkeydef", "pg_get_ruledef", "pg_get_triggerdef", "pg_get_statisticsobjdef", "pg_get_statisticsobjdef_columns",
		"pg_get_functiondef", "pg_get_function_arguments", "pg_get_function_identity_arguments", "pg_get_function_result",
		"pg_get_serial_sequence", "pg_get_keywords", "pg_get_replica_identity_index",
		"pg_table_is_visible", "pg_type_is_visible", "pg_function_is_visible", "pg_operator_is_visible",
		"pg_opclass_is_visible", "pg_opfamily_is_visible", "pg_collation_is_visible", "pg_conversion_is_visible",
		"pg_statistics_obj_is_visible", "pg_ts_config_is_visible", "pg_ts_dict_is_visible", "pg_ts_parser_is_visible",
		"pg_ts_template_is_visible", "pg_relation_is_publishable", "pg_is_other_temp_schema", "pg_my_temp_schema",
		"pg_size_pretty", "pg_relation_size", "pg_table_size", "pg_indexes_size", "pg_total_relation_size",
		"pg_encoding_to_char", "pg_char_to_encoding", "pg_tablespace_location", "pg_partition_ancestors", "pg_partition_root",
		"format_type", "obj_description", "col_description", "shobj_description", "to_regclass", "to_regtype", "to_regproc",
		"to_regnamespace", "to_regrole", "current_schemas", "quote_ident", "quote_literal", "quote_nullable", "format",
		"pg_typeof", "version", "has_table_privilege", "has_column_privilege", "has_any_column_privilege",
		"has_schema_privilege", "has_database_privilege", "has_function_privilege", "has_sequence_privilege",
		"has_type_privilege", "pg_has_role", "aclexplode", "acldefault", "pg_is_in_recovery",
		"pg_postmaster_start_time", "pg_conf_load_time", "inet_server_port", "inet_client_port",
		"_pg_expandarray", "_pg_truetypid", "_pg_truetypmod", "_pg_char_max_length", "_pg_char_octet_length",
		"_pg_numeric_precision", "_pg_numeric_precision_radix", "_pg_numeric_scale", "_pg_datetime_precision",
		"_pg_interval_type", "_pg_index_position",
		"regexp_match", "regexp_matches", "regexp_split_to_array", "regexp_split_to_table", "textregexeq",
		"pg_sleep", "age", "mxid_age", "parse_ident", "array_positions", "set_bit", "nullif", "random",
		"pg_advisory_unlock_all",
	} {
		list[name] = true
	}
	return list
}()

// builtinTypes are the types that a cast may name in a statement over tables: types whose input and casts compute from
// the value alone. The names are those of pg_type, which the grammar gives to its own spellings too.
var builtinTypes = map[string]uint32{
	"bool": oidBool, "bytea": oidBytea, "int8": oidInt8, "int2": oidInt2, "int4": oidInt4, "text": oidText,
	"float4": oidFloat4, "float8": oidFloat8, "bpchar": oidBpchar, "varchar": oidVarchar, "date": oidDate,
	"time": oidTime, "timestamp": oidTimestamp, "timestamptz": oidTimestamptz, "numeric": oidNumeric, "uuid": oidUUID,
	"bit": oidBit, "varbit": 1562, "interval": 1186, "timetz": 1266, "json": 114, "jsonb": 3802, "inet": 869,
	"cidr": 650, "macaddr": 829, "money": 790, "point": 600, "name": oidName,
}

// openTypes are the types of parameters and literals that a statement over tables may send to a server in clear: those
// that casts may name, their arrays, and others of pg_type.dat whose input computes from the value alone. Left out are the
// types that look things up on the server (regclass, regrole, aclitem, ...): a client may declare any type in Parse.
var openTypes = func() map[uint32]bool {
	list := map[uint32]bool{}
	for _, oid := range builtinTypes {
		list[oid] = true
	}
	for _, oid := range []uint32{
		1000, 1001, 1002, 1003, 1005, 1007, 1009, 1014, 1015, 1016, 1017, 1021, 1022, 1028, 1040, 1041, 651, 1115, 1182, 1183,
		1185, 1187, 1231, 1270, 1561, 1563, 2951, 199, 3807, 791, // arrays
		18, oidOID, oidUnknown, 142, 601, 602, 603, 604, 628, 718, 774, 3614, 3615, // "char", xml, shapes, macaddr8, text search
		3904, 3906, 3908, 3910, 3912, 3926, // ranges
	} {
		list[oid] = true
	}
	return list
}()
