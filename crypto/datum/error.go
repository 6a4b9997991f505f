package datum

// Error says why a text or a binary is no value of a type. It never holds any of it.
type Error struct {
	Code    string // SQLSTATE
	Message string // PostgreSQL's, without the value
	Hint    string // may be empty
}

func (e *Error) Error() string { return e.Message }

// The SQLSTATEs of this package (src/backend/utils/errcodes.txt).
const (
	codeProtocol          = "08P01" // protocol_violation
	codeNotSupported      = "0A000" // feature_not_supported
	codeTooLong           = "22001" // string_data_right_truncation
	codeOutOfRange        = "22003" // numeric_value_out_of_range
	codeDatetimeFormat    = "22007" // invalid_datetime_format
	codeDatetimeOverflow  = "22008" // datetime_field_overflow
	codeZoneDisplacement  = "22009" // invalid_time_zone_displacement_value
	codeCharacter         = "22021" // character_not_in_repertoire
	codeParameterValue    = "22023" // invalid_parameter_value
	codeTextFormat        = "22P02" // invalid_text_representation
	codeBinaryFormat      = "22P03" // invalid_binary_representation
	codeUntranslatable    = "22P05" // untranslatable_character
	codeLimit             = "54000" // program_limit_exceeded
	codeTooComplex        = "54001" // statement_too_complex
	codeUndefinedFunction = "42883" // undefined_function
)

func fail(code, message string) error { return &Error{Code: code, Message: message} }

// failSyntax is the usual complaint of an input function.
func failSyntax(name string) error {
	return fail(codeTextFormat, "invalid input syntax for type "+name)
}

// failLength is a binary form that is too short or too long for its type (src/backend/libpq/pqformat.c,
// src/backend/tcop/postgres.c).
func failLength(got, want int) error {
	if got < want {
		return fail(codeProtocol, "insufficient data left in message")
	}
	return fail(codeBinaryFormat, "incorrect binary data format")
}
