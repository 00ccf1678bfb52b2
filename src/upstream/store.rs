//! The embedded store.
use crate::{body::SealedBody, s3::{Code, Fault}, upstream::{Forward, Reply, Upstream}};
/// x
pub struct Store;
/// x
pub struct Settings { /// x
 pub region: String, /// x
 pub clock: std::sync::Arc<dyn crate::time::Clock> }
/// x
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct StoreError;
impl Store { /// x
 pub fn open(_: &std::path::Path, _: Settings) -> Result<Self, StoreError> { Ok(Self) } }
impl Upstream for Store {
    async fn send(&self, _out: Forward, _body: SealedBody) -> Result<Reply, Fault> {
        Err(Fault::plain(Code::NotImplemented, "store"))
    }
}
