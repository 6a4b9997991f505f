// Package rust has the suite of Rust's tokio-postgres: the tests that its package brings with it.
package rust
