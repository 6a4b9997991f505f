// Package demo is `portcullis demo`: it starts two PostgreSQL clusters and a gateway with the example of examples/demo,
// loads rows through the gateway, and tells a story in steps. Each step runs what it shows, prints what really came
// back, and checks it: a step whose outcome is not what the story promises ends the demo with an error.
//
// Everything lives in private folders that are gone when Run returns, also after an error or a cancelled context.
package demo
