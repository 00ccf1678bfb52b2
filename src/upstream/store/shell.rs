//! What every operation works with.

use std::sync::Arc;

use super::Settings;
use super::commit::Committer;
use super::fault::Halt;
use super::files::Files;
use super::index::{Index, View};
use super::keys::Keys;
use super::pool::Pool;

/// The data and the rules: what the store's own threads need.
pub(super) struct Core {
    pub(super) index: Arc<Index>,
    pub(super) files: Arc<Files>,
    pub(super) keys: Keys,
    pub(super) settings: Settings,
}

impl Core {
    /// Now, in milliseconds.
    pub(super) fn now(&self) -> i64 {
        self.settings.clock.now_millis().0
    }
}

/// The core and the ways to its threads: what an async caller needs.
pub(super) struct Shell {
    pub(super) core: Arc<Core>,
    pub(super) pool: Pool,
    pub(super) committer: Committer,
}

impl Shell {
    /// Reads the index on a thread that may wait.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Core, &View) -> Result<T, Halt> + Send + 'static,
    ) -> Result<T, Halt> {
        let core = Arc::clone(&self.core);
        self.pool.run(move || read(&core, &core.index.view()?)).await?
    }
}
