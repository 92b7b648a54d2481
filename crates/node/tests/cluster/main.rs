//! Tokens, joining, accepting and the approver, over real TLS: against an embedded server of the
//! test's own, or the API server that `KUBEWRIGHT_TEST_KUBECONFIG` names.
#![allow(clippy::unwrap_used)]

mod again;
mod approver;
mod discovery;
mod draining;
mod fixture;
mod joining;
mod killed;
mod people;
mod seeding;
mod tokens;
