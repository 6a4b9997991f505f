// Package config reads the configuration of the gateway and compiles what it says of databases, users and policies.
//
// Load merges the YAML file, the environment and flags, in this order, and answers with all mistakes at once, each with
// its file, line and, where one is known, a hint. Config is what was written: every block keeps its position. Compile turns
// it into a policy.Policy, which is what it means; what algorithms, masks, generators and types there are it learns from
// Validators that the caller passes, because this package knows none of them. Open does both and reports the mistakes of
// both.
//
// Secrets are resolved while loading and held as Secret, which no formatting verb and no encoder prints. No error of this
// package holds the text of a secret. Every key is described in docs/configuration.md.
//
// Everything returned is immutable by convention and may be used concurrently.
package config
