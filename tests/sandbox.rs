//! What a hostile or broken plugin can do to a run: fail its own requests, and nothing else. The real binary runs a real
//! component against a real server; what must not happen is looked for from outside.

#[path = "sandbox/beside.rs"]
mod beside;
#[path = "sandbox/bombs.rs"]
mod bombs;
#[path = "sandbox/bound.rs"]
mod bound;
#[path = "sandbox/call.rs"]
mod call;
#[path = "sandbox/component.rs"]
mod component;
#[path = "sandbox/file.rs"]
mod file;
#[path = "sandbox/handmade.rs"]
mod handmade;
#[path = "sandbox/harness.rs"]
mod harness;
#[path = "sandbox/limit.rs"]
mod limit;
#[path = "sandbox/neighbours.rs"]
mod neighbours;
#[path = "sandbox/origin.rs"]
mod origin;
#[path = "sandbox/secret.rs"]
mod secret;
#[path = "sandbox/strangers.rs"]
mod strangers;
mod support;
#[path = "sandbox/timing.rs"]
mod timing;
#[path = "sandbox/world.rs"]
mod world;
