//! Where a machine's calibration is kept, between `llmperf calibrate` and the runs after it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{machine, manifest};
use crate::metrics::Calibration;
use crate::plugin::data_dir;
use crate::report::{ascii_json, write_atomically};

/// In the user's data directory; `None` where the user has no home.
pub fn default_path() -> Option<PathBuf> {
    Some(data_dir()?.join("calibration.json"))
}

/// What is stored of this machine. A file that is missing, broken or of another machine is as good as none.
pub(super) fn stored() -> Option<Calibration> {
    let text = std::fs::read_to_string(default_path()?).ok()?;
    let calibration: Calibration = serde_json::from_str(&text).ok()?;
    calibration.unfit(&manifest::hostname(), machine::cores()).is_none().then_some(calibration)
}

/// Whether no run on this machine has said yet that it is not calibrated; from then on one has. Where nothing can be kept, every
/// run is the first.
pub fn is_first_uncalibrated() -> bool {
    let Some(file) = data_dir().map(|dir| dir.join("not-calibrated")) else { return true };
    // A home may be shared by several machines.
    let host = manifest::hostname();
    let mut told = std::fs::read_to_string(&file).unwrap_or_default();
    if told.lines().any(|line| line == host) {
        return false;
    }
    told += &format!("{host}\n");
    // Not to be remembered is no reason to end a run.
    let _ = file.parent().map(std::fs::create_dir_all);
    let _ = write_atomically(&file, told.as_bytes());
    true
}

/// Stores a calibration, whole or not at all.
///
/// # Errors
/// Names the path where it cannot be written.
pub fn store(calibration: &Calibration, path: &Path) -> Result<()> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    }
    let mut text = ascii_json(&serde_json::to_value(calibration)?);
    text.push('\n');
    write_atomically(path, text.as_bytes())
}
