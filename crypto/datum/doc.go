// Package datum knows the types of values that can be sealed as PostgreSQL knows them: it reads their text and binary
// input, converts on assignment, prints, and brings equal values to one canonical form.
//
// A value is held in its type's binary send form, which is also the plaintext of a sealed value. The package promises to
// accept what PostgreSQL 14 to 18 all accept, with the same result, and to refuse the rest with PostgreSQL's SQLSTATE and
// wording, but without the value: its errors may be logged. What depends on a setting is in Settings. It knows no keys and
// no SQL. Everything in it may be used concurrently.
package datum
