//! One plan at a time in a results directory: two would make the same runs, and each would forget those of the other.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Beside the state, which is replaced as a whole and so cannot be locked itself.
const FILE: &str = "plan-state.lock";

/// The right to make a plan's runs in a directory. It ends with this value, or with the process, however that ends.
#[derive(Debug)]
pub struct BatchLock(Option<File>);

impl BatchLock {
    /// Takes it.
    ///
    /// # Errors
    /// Another process has it.
    pub fn take(dir: &Path) -> Result<BatchLock> {
        let path = dir.join(FILE);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.with_context(|| format!("{} cannot be written", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(BatchLock(Some(file))),
            Err(TryLockError::WouldBlock) => bail!(
                "another llmperf is making the runs of a plan in {}\nhint: wait until it ends, or give this one another --results-dir",
                dir.display()
            ),
            // Some network file systems have no locks; a plan can be made there all the same.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(BatchLock(None)),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("{} cannot be locked", path.display()))
            }
        }
    }
}

impl Drop for BatchLock {
    fn drop(&mut self) {
        if let Some(file) = &self.0 {
            // Closing it does the same.
            let _ = file.unlock();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_has_it_and_another_after_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = BatchLock::take(dir.path()).expect("it is free");
        let error = BatchLock::take(dir.path()).expect_err("it is taken").to_string();
        assert!(error.contains("another llmperf") && error.contains("\nhint: "), "{error}");
        drop(first);
        BatchLock::take(dir.path()).expect("it is free again");
    }
}
