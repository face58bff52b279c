//! How the suite of languages works: plugins built by each language's own tools, and the cases that all of them must pass.

#[path = "../support/component.rs"]
mod component;

mod case;
mod judge;
mod skeleton;
mod toolchain;

pub(crate) use case::{Case, cases};
pub(crate) use judge::{judge_component, judge_run, load};
pub(crate) use skeleton::New;
pub(crate) use toolchain::{Language, build, is_skipped};
