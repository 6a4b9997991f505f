// Package wirescript reads and runs wire scripts: conversations of the PostgreSQL protocol 3.0 in a form for people. One
// script runs against PostgreSQL and against the gateway. It says itself what must be answered, and the transcript of
// what was answered can be held against that of another server: see Transcript. Command record writes scripts from what
// drivers do, and completes drafts. A Script may be run by several goroutines at once.
//
// A script is a text file. A line is empty, a comment ("#"), or one of
//
//	as NAME key=value ...      what follows is said by this client. Where it is named first it logs in, with these
//	                           startup parameters; "main" is there, without any, if the script names none
//	open NAME                  a client that has connected and said nothing yet
//	authenticate [PASSWORD]    answers the server's request for a password, up to AuthenticationOk
//	send MESSAGE arguments     the message goes out with the next line that waits for something or names another client
//	go                         what waits goes out now
//	cut N                      what is sent from here goes out by N bytes; 0: as a whole
//	expect MESSAGE arguments   the next message is this one, and has what the arguments say
//	until MESSAGE arguments    the same, but messages before it are passed over
//	expect Closed              the server closes the connection
//	expect Byte N              one byte, the answer to SSLRequest and GSSENCRequest
//	await "SQL"                waits until this is true, asked by a superuser past the gateway
//	repeat N ... end           the lines between them N times
//	skip reason                the script is not for this target
//	?                          in a draft: Fill puts what the server answers here
//
// A line may begin with the name of a target, or of a group of them, and a colon; it is meant for these alone: see
// Targets. Each is a difference between the gateway and PostgreSQL: what it waits for has no place in the transcript.
//
// ParameterStatus, NotificationResponse and NoticeResponse are passed over unless they are expected. At the end of a
// script each client says Terminate.
//
// Arguments are words; a word, or an element of a list in it, may be quoted as Go quotes strings, with *N behind it if it
// is N times that; NULL without quotes is NULL, and _ in what is expected is anything, in the transcript too.
//
//	send Query "SELECT 1"
//	send Parse name=s sql="SELECT $1::int" types=23
//	send Bind portal=p statement=s formats=0,1 values=1,NULL,"a b",\xff00 results=1
//	send Describe statement=s | Describe portal=p | Execute portal=p max=2 | Close statement=s | Close portal=p
//	send Sync | Flush | Terminate | CopyDone | CopyData "text" | CopyFail "text" | Raw "bytes"
//	send FunctionCall function=1598 formats=1 values=\x00000001 result=1
//	send Startup version=3.0 name=value ...          user and database are the target's if they are not given
//	send SSLRequest | GSSENCRequest | CancelRequest NAME [wrong]
//	expect RowDescription name:type:format ...       what is left out may be anything
//	expect ParameterDescription type ...
//	expect DataRow value ...
//	expect CommandComplete "SELECT 1"
//	expect ErrorResponse C=42601 M="..."             the fields by their letters; the same for NoticeResponse
//	expect ReadyForQuery I
//	expect CopyInResponse format format ...          the whole's, then the columns'; the same for CopyOutResponse
//	expect CopyData "text" | FunctionCallResponse value | ParameterStatus name value
//	expect NotificationResponse channel payload
package wirescript
