//! Places where the process may die. Outside of tests nothing happens there.

/// Where a write has got to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Point {
    /// Data has been written to the file; the disk need not have it.
    FileSync,
    /// The disk has the file; the index does not know it.
    Commit,
    /// The index is durable; files that nobody needs any more are still there.
    Unlink,
}

/// What a test wants to see at each [`Point`].
#[derive(Clone, Default)]
pub(super) struct Failpoints {
    #[cfg(test)]
    pub(super) hook: Option<std::sync::Arc<dyn Fn(Point) + Send + Sync>>,
}

impl Failpoints {
    #[cfg_attr(not(test), expect(clippy::unused_self, reason = "only tests look"))]
    pub(super) fn reach(&self, point: Point) {
        #[cfg(test)]
        if let Some(hook) = &self.hook {
            hook(point);
        }
        let _ = point;
    }
}
