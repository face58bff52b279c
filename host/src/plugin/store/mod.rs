//! The plugins that a user added: a copy of each component, and what was agreed to of it, in the user's data directory.
//! It knows files and digests; whether a plugin may be added is decided before it gets here.

mod lock_file;

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};

use super::digest::sha256;

/// Where the user's data is, instead of the system's place for it.
const DATA_DIR: &str = "LLMPERF_DATA_DIR";
const LOCK_FILE: &str = "plugins.lock.toml";
/// Held while the lock file is read, changed and replaced. A file of its own, since that one is replaced.
const GUARD: &str = ".plugins.guard";
const COMPONENTS: &str = "plugins";
/// A component larger than this is refused unread, as the engine does.
const MAX_COMPONENT_BYTES: u64 = 64 << 20;

/// llmperf's directory for the user's data; `None` where the user has no home.
pub fn data_dir() -> Option<PathBuf> {
    let given = std::env::var_os(DATA_DIR).filter(|dir| !dir.is_empty()).map(PathBuf::from);
    given.or_else(|| Some(directories::ProjectDirs::from("", "", "llmperf")?.data_dir().to_owned()))
}

/// A plugin that was added, and what was agreed to then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// The API's name on the command line.
    pub name: String,
    pub version: String,
    pub summary: String,
    /// Of the component, in hex.
    pub sha256: String,
    /// The file it was copied from.
    pub origin: String,
    /// What the component imports.
    pub imports: Vec<String>,
    pub options: Vec<AgreedOption>,
    /// The providers it brings, as TOML.
    pub providers: Option<String>,
}

/// An option of an installed plugin, and the environment variables that may fill it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgreedOption {
    pub name: String,
    pub env: Vec<String>,
}

/// Where installed plugins are kept.
#[derive(Debug, Clone)]
pub struct Store {
    dir: PathBuf,
}

impl Store {
    /// The user's.
    ///
    /// # Errors
    /// The user has no directory for data.
    pub fn open() -> Result<Store> {
        let dir = data_dir()
            .ok_or_else(|| anyhow!("there is no place for plugins\nhint: set HOME, or {DATA_DIR}"))?;
        Ok(Store::at(&dir))
    }

    /// The one below this directory, which need not be there yet.
    pub fn at(dir: &Path) -> Store {
        Store { dir: dir.to_owned() }
    }

    /// All installed plugins, by name.
    ///
    /// # Errors
    /// Names the lock file where it is broken or cannot be read.
    pub fn installed(&self) -> Result<Vec<Installed>> {
        let path = self.dir.join(LOCK_FILE);
        let parsed = match fs::read_to_string(&path) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(vec![]);
            }
            Err(error) => Err(error.into()),
            Ok(text) => lock_file::parse(&text),
        };
        parsed.map_err(|error| {
            anyhow!("the list of installed plugins {} is broken: {error:#}\nhint: move it away, and add the plugins again", path.display())
        })
    }

    /// The component of an installed plugin, which is what was agreed to.
    ///
    /// # Errors
    /// It is not there, or is not what was added.
    pub fn component(&self, plugin: &Installed) -> Result<Vec<u8>> {
        let path = self.component_path(&plugin.name, &plugin.sha256);
        let again = format!(
            "hint: llmperf plugin add --replace FILE adds it again; llmperf plugin remove {} forgets it",
            plugin.name
        );
        let wasm = read_component(&path).map_err(|error| {
            anyhow!("the installed plugin {} cannot be used: {error:#}\n{again}", plugin.name)
        })?;
        let found = sha256(&wasm);
        if found != plugin.sha256 {
            bail!(
                "the installed plugin {} was changed after it was added: {} has sha256 {found}, and {} was agreed to\n{again}",
                plugin.name,
                path.display(),
                plugin.sha256
            );
        }
        Ok(wasm)
    }

    /// Adds a plugin, whole or not at all. One of its name is replaced where `replace` says so.
    ///
    /// # Errors
    /// One of its name is there, or the directory cannot be written.
    pub fn add(&self, plugin: Installed, wasm: &[u8], replace: bool) -> Result<()> {
        let _guard = self.guard()?;
        let mut plugins = self.installed()?;
        let earlier = plugins.iter().position(|other| other.name == plugin.name);
        let earlier = earlier.map(|at| plugins.remove(at));
        if let Some(earlier) = earlier.as_ref().filter(|_| !replace) {
            bail!(already_there(earlier));
        }
        let components = self.dir.join(COMPONENTS);
        fs::create_dir_all(&components).with_context(|| format!("cannot make {}", components.display()))?;
        // Under a name of its digest, so that at every moment the lock file names a component that is whole.
        write_whole(&self.component_path(&plugin.name, &plugin.sha256), wasm)?;
        let outdated = earlier.filter(|earlier| earlier.sha256 != plugin.sha256);
        plugins.push(plugin);
        plugins.sort_by(|a, b| a.name.cmp(&b.name));
        self.write(&plugins)?;
        outdated.iter().for_each(|earlier| self.forget_component(earlier));
        Ok(())
    }

    /// Removes a plugin and gives what it was; `None` where there is none of that name.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn remove(&self, name: &str) -> Result<Option<Installed>> {
        if !self.dir.join(LOCK_FILE).exists() {
            return Ok(None);
        }
        let _guard = self.guard()?;
        let mut plugins = self.installed()?;
        let Some(at) = plugins.iter().position(|plugin| plugin.name == name) else { return Ok(None) };
        let plugin = plugins.remove(at);
        self.write(&plugins)?;
        self.forget_component(&plugin);
        Ok(Some(plugin))
    }

    fn component_path(&self, name: &str, sha256: &str) -> PathBuf {
        self.dir.join(COMPONENTS).join(format!("{name}-{}.wasm", &sha256[..16.min(sha256.len())]))
    }

    /// One at a time changes the store.
    fn guard(&self) -> Result<File> {
        let path = self.dir.join(GUARD);
        let locked = || -> std::io::Result<File> {
            fs::create_dir_all(&self.dir)?;
            let file = File::options().create(true).append(true).open(&path)?;
            file.lock()?;
            Ok(file)
        };
        locked().with_context(|| format!("the store of plugins {} cannot be changed", self.dir.display()))
    }

    fn write(&self, plugins: &[Installed]) -> Result<()> {
        write_whole(&self.dir.join(LOCK_FILE), lock_file::render(plugins)?.as_bytes())
    }

    /// Nothing names it any more; one that stays behind does no harm.
    fn forget_component(&self, plugin: &Installed) {
        let _ = fs::remove_file(self.component_path(&plugin.name, &plugin.sha256));
    }
}

/// Why a plugin is not added over one of its name.
pub fn already_there(earlier: &Installed) -> String {
    format!(
        "plugin {} {} is installed already\nhint: --replace puts another in its place",
        earlier.name, earlier.version
    )
}

/// `[a-z0-9-]+`, of a length that a file name can have: never a path.
pub fn is_plugin_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The content of a component file. A link is refused, since what it names may be another file tomorrow, and so is what is no
/// plain file, which may have no end. So is an address.
///
/// # Errors
/// Says what it is instead, or why it cannot be read.
pub fn read_component(path: &Path) -> Result<Vec<u8>> {
    let named = path.display();
    if named.to_string().contains("://") {
        bail!(
            "{named} is an address, and nothing is fetched\nhint: download the component, then name its file"
        );
    }
    let metadata = fs::symlink_metadata(path).with_context(|| format!("{named} cannot be read"))?;
    if metadata.is_symlink() {
        let target = fs::read_link(path).map(|to| format!(" to {}", to.display())).unwrap_or_default();
        bail!("{named} is a symbolic link{target}\nhint: name the file itself");
    }
    if !metadata.is_file() {
        bail!("{named} is no file\nhint: name a component, as NAME.wasm");
    }
    if metadata.len() > MAX_COMPONENT_BYTES {
        bail!("{named} is larger than {} MiB", MAX_COMPONENT_BYTES >> 20);
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_COMPONENT_BYTES).read_to_end(&mut bytes));
    read.with_context(|| format!("{named} cannot be read"))?;
    Ok(bytes)
}

fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests;
