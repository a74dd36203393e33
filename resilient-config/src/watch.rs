//! Reading a file again whenever it changes.

use crate::file::{FileError, load};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use resilient_core::Unmentioned;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// Editors and deployments write a file in several steps: what comes within this time is one change.
const SETTLE: Duration = Duration::from_millis(50);

/// Where changes do not cease, it is read all the same after this time.
const LONGEST: Duration = Duration::from_millis(500);

/// Why a file is not being watched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WatchError {
    /// The file was refused when it was first read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The system does not tell of changes.
    #[error("{file} cannot be watched: {error}")]
    Unwatchable {
        /// The file.
        file: String,
        /// Why.
        #[source]
        error: notify::Error,
    },
}

/// A file that is read again whenever it changes, until this is dropped.
///
/// What holds then stays.
#[derive(Debug)]
#[must_use = "the file is watched until this is dropped"]
pub struct Watch {
    watcher: Option<RecommendedWatcher>,
    reader: Option<JoinHandle<()>>,
}

/// Loads the file at `path`, and loads it again whenever it changes, on a thread of its own.
///
/// `then` hears the result of each time but the first; if it panics, it is told of the next one all the same. A file that is refused is also logged, changes
/// nothing, and does not keep the next one from being read. The directory is watched, so the file may be
/// replaced, by an editor or by a symbolic link that is switched over.
///
/// ```no_run
/// let watch = resilient_config::watch("/etc/shop/policies.toml", |reloaded| {
///     if let Err(refused) = reloaded {
///         eprintln!("{refused}");
///     }
/// })?;
/// # drop(watch);
/// assert!(resilient_config::watch("/nowhere/policies.toml", |_| {}).is_err());
/// # Ok::<(), resilient_config::WatchError>(())
/// ```
///
/// # Errors
///
/// If the file is refused now, or the system does not tell of changes.
pub fn watch(
    path: impl AsRef<Path>,
    then: impl FnMut(Result<Vec<Unmentioned>, FileError>) + Send + 'static,
) -> Result<Watch, WatchError> {
    let path = path.as_ref().to_path_buf();
    let unwatchable = |error| WatchError::Unwatchable {
        file: path.display().to_string(),
        error,
    };
    let (teller, changes) = channel();
    // The watch begins before the first reading, so that no change falls between them.
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let concerns = event.is_ok_and(|event| !event.kind.is_access());
        if concerns {
            // Fails only when the reader has ended.
            let _ = teller.send(());
        }
    })
    .map_err(unwatchable)?;
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    if directory.exists() {
        watcher
            .watch(directory, RecursiveMode::NonRecursive)
            .map_err(unwatchable)?;
    }
    let held = std::fs::read(&path).ok();
    load(&path)?;
    let reader = Builder::new()
        .name("resilient-config".to_owned())
        .spawn({
            let path = path.clone();
            move || read_again(&path, held, &changes, then)
        })
        .map_err(|error| unwatchable(notify::Error::io(error)))?;
    Ok(Watch {
        watcher: Some(watcher),
        reader: Some(reader),
    })
}

/// Reads the file after each change, until nobody tells of changes any more.
fn read_again(
    path: &PathBuf,
    mut held: Option<Vec<u8>>,
    changes: &Receiver<()>,
    mut then: impl FnMut(Result<Vec<Unmentioned>, FileError>),
) {
    while changes.recv().is_ok() {
        let begun = Instant::now();
        while begun.elapsed() < LONGEST && changes.recv_timeout(SETTLE).is_ok() {}
        let now = std::fs::read(path).ok();
        if now == held {
            continue;
        }
        held = now;
        let loaded = load(path);
        if let Err(refused) = &loaded {
            tracing::error!(target: "resilient", event = "file_refused", %refused);
        }
        // It is told of the next change too.
        if catch_unwind(AssertUnwindSafe(|| then(loaded))).is_err() {
            tracing::error!(target: "resilient", event = "file_listener_panicked");
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Without its watcher the channel ends, and with it the reader.
        self.watcher = None;
        if let Some(reader) = self.reader.take()
            && reader.thread().id() != std::thread::current().id()
        {
            // It does not panic: what `then` does is caught.
            let _ = reader.join();
        }
    }
}
