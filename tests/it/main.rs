//! The end-to-end suites that need neither quiet nor tools of their own, in one binary: linking it takes a while.

#[path = "../support/mod.rs"]
mod support;

mod compare;
mod conformance;
mod contract;
mod correctness;
mod credentials;
mod datasets;
mod ends;
mod help;
mod input;
mod install;
mod layers;
mod library;
mod load;
mod plan_file;
mod providers;
mod replay;
mod report;
mod requests;
mod results;
mod secret;
mod sigv4;
