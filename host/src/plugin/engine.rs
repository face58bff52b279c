//! The engine that compiles plugins, and a plugin that was compiled, linked and asked what it is.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Resource, getrlimit};
use wasmtime::component::Component;
use wasmtime::component::Linker;
use wasmtime::component::types::ComponentItem;
use wasmtime::{Cache, CacheConfig, Config, OptLevel};

use super::bindings::PluginPre;
use super::catalog::Bundled;
use super::contract::{CONTRACT, Contract};
use super::convert::Description;
use super::digest::sha256;
use super::ending::ending_of;
use super::file_kind::refuse_what_is_no_component;
use super::idle::Idle;
use super::limits::{Growth, Limits};
use super::sandbox::{self, State};
use super::session::Session;
use super::usage::{Meter, Usage};
use super::weight::refuse_what_is_too_heavy;
use crate::record::Ending;

/// Stack of a guest. Deep recursion ends in a trap well before the thread's own stack does.
const GUEST_STACK_BYTES: usize = 512 << 10;

/// Compiles plugins. Compiled code is kept between runs in wasmtime's own cache.
#[derive(Clone)]
pub struct Engine {
    engine: wasmtime::Engine,
    linker: Arc<Linker<State>>,
    limits: Limits,
    growth: Growth,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine with these limits for every instance, and `cache_dir` for compiled code. Without a directory, or where it cannot
    /// be used, everything is compiled anew.
    pub fn new(limits: Limits, cache_dir: Option<&Path>) -> Result<Engine> {
        let mut config = Config::new();
        config
            .consume_fuel(true)
            .epoch_interruption(true)
            .cranelift_opt_level(OptLevel::Speed)
            .max_wasm_stack(GUEST_STACK_BYTES)
            .wasm_memory64(false)
            // Where a component is made of several, what passes values between them sees the memories of both. Without, wasmtime
            // panics over such a component (as componentize-qjs makes them).
            .wasm_multi_memory(true)
            .wasm_relaxed_simd(false)
            .concurrency_support(false)
            .memory_init_cow(may_hold_files(limits.memory_bytes))
            .cache(cache_dir.and_then(open_cache));
        let engine = wasmtime::Engine::new(&config)
            .map_err(plain)
            .context("WebAssembly cannot run on this machine")?;
        beat(&engine)?;
        let mut linker = Linker::new(&engine);
        sandbox::link(&mut linker).map_err(plain)?;
        Ok(Engine { engine, linker: Arc::new(linker), limits, growth: Growth::default() })
    }

    /// Compiles a component, checks that it is a plugin of a contract this host speaks and asks for nothing it may not have,
    /// and asks it to describe itself. `origin` names it in errors. Every request gets a fresh instance of it, so that a guest
    /// keeps nothing from one request to the next, whoever wrote it.
    pub fn load(&self, origin: &str, wasm: &[u8]) -> Result<Plugin> {
        self.load_with(origin, wasm, None)
    }

    /// The same for a plugin that came with the host: its instances serve one request after the other, since it is known to
    /// keep nothing.
    pub fn load_bundled(&self, bundled: &Bundled) -> Result<Plugin> {
        let plugin = self.load_with(bundled.name, bundled.wasm, Some(Idle::default()))?;
        Ok(Plugin { ending: ending_of(bundled.name), ..plugin })
    }

    fn load_with(&self, origin: &str, wasm: &[u8], idle: Option<Idle>) -> Result<Plugin> {
        refuse_what_is_no_component(wasm)
            .and_then(|()| refuse_what_is_too_heavy(wasm))
            .with_context(|| format!("plugin {origin} cannot be used"))?;
        let component = Component::from_binary(&self.engine, wasm)
            .map_err(plain)
            .with_context(|| format!("plugin {origin} is no valid component"))?;
        self.check_contract(&component).with_context(|| format!("plugin {origin} cannot be used"))?;
        let linked = self.linker.instantiate_pre(&component).map_err(plain).with_context(|| {
            format!("plugin {origin} does not link: it asks for more than a plugin may have")
        })?;
        let pre = PluginPre::new(linked)
            .map_err(plain)
            .with_context(|| format!("plugin {origin} does not export {CONTRACT} as the contract says"))?;
        let mut plugin = Plugin {
            engine: self.engine.clone(),
            pre,
            limits: self.limits,
            growth: self.growth.clone(),
            idle,
            ending: None,
            description: Arc::default(),
            digest: sha256(wasm),
            meter: Meter::default(),
        };
        let described = plugin.session().and_then(|mut session| session.describe());
        // The fault stays in the chain: it tells what the plugin does from what the file is.
        plugin.description =
            Arc::new(described.with_context(|| format!("plugin {origin} cannot describe itself"))?);
        // What a run uses begins here.
        plugin.meter = Meter::default();
        Ok(plugin)
    }

    fn check_contract(&self, component: &Component) -> Result<()> {
        let ty = component.component_type();
        let exports: Vec<String> = ty
            .exports(&self.engine)
            .filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentInstance(_)))
            .map(|(name, _)| name.to_owned())
            .collect();
        match Contract::of(exports.iter().map(String::as_str)).refusal(&exports) {
            None => Ok(()),
            Some(refusal) => bail!(refusal),
        }
    }
}

/// Whether a file in memory may have this size. Guests' memories are mapped from such files, to which `ulimit -f` applies as to
/// others; without them, each instance copies what it begins with.
fn may_hold_files(bytes: usize) -> bool {
    getrlimit(Resource::Fsize).current.is_none_or(|most| most >= bytes as u64)
}

/// A plugin, compiled and linked. Cheap to clone; each [`Session`] is an instance of it.
#[derive(Clone)]
pub struct Plugin {
    engine: wasmtime::Engine,
    pre: PluginPre<State>,
    limits: Limits,
    growth: Growth,
    /// Where its instances wait between requests; `None` where each serves one.
    idle: Option<Idle>,
    ending: Option<Ending>,
    description: Arc<Description>,
    digest: String,
    meter: Meter,
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("description", &self.description)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

impl Plugin {
    /// What the plugin says of itself.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// How the streamed answers of its API end. `None` for a plugin that did not come with the host: whether its API has an end
    /// marker is not known.
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// SHA-256 of the component, in hex.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// An instance in a store of its own, for one request, with a full budget. A fresh one takes some 20 µs to start and as
    /// much to end; a bundled plugin's may be one that [`keep`](Self::keep) was given.
    pub fn session(&self) -> Result<Session, super::Fault> {
        match self.idle.as_ref().and_then(Idle::take) {
            Some(session) => Ok(session),
            None => {
                let meter = self.meter.clone();
                Session::start(&self.engine, &self.pre, self.limits, self.growth.clone(), meter)
            }
        }
    }

    /// What its instances used since it was loaded.
    pub fn usage(&self) -> Usage {
        self.meter.usage()
    }

    /// What its instances may use.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Takes an instance back that has done its work, for a later request. One that failed ends here.
    pub fn keep(&self, session: Session) {
        if let Some(idle) = &self.idle {
            idle.put(session);
        }
    }
}

/// How often running guests are looked at.
const BEAT: Duration = Duration::from_millis(100);

/// Lets guests be looked at in every loop and at every function's start, for as long as there is the engine.
fn beat(engine: &wasmtime::Engine) -> Result<()> {
    let weak = engine.weak();
    let beat = move || {
        while let Some(engine) = weak.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(BEAT);
        }
    };
    std::thread::Builder::new()
        .name("plugin-beat".to_owned())
        .spawn(beat)
        .context("no thread can be started")?;
    Ok(())
}

/// wasmtime's errors are not `std` errors; the chain of causes is kept as text.
fn plain(error: wasmtime::Error) -> anyhow::Error {
    anyhow!("{error:#}")
}

fn open_cache(dir: &Path) -> Option<Cache> {
    let mut config = CacheConfig::new();
    config.with_directory(dir);
    Cache::new(config).ok()
}
