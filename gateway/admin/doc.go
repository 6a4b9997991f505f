// Package admin answers the questions of those who run the gateway, over HTTP: /livez says that the process is alive, /readyz
// whether it can serve, with a reason in each line if not, and /metrics what it does, for Prometheus. It asks its Source each
// time and keeps nothing; what is counted is counted elsewhere, without this package.
//
// No answer holds a secret, a URL or a text of a client. The labels of metrics are names of the configuration and words of the
// gateway, so their number is bounded; there is none for users or clients. There is no authentication: the listener belongs on an
// address that only those reach who may ask. A Server may be used concurrently.
package admin
