//! The embedded store.
use crate::{body::SealedBody, s3::{Code, Fault}, upstream::{Forward, Reply, Upstream}};
/// x
pub struct Store;
impl Upstream for Store {
    async fn send(&self, _out: Forward, _body: SealedBody) -> Result<Reply, Fault> {
        Err(Fault::plain(Code::NotImplemented, "store"))
    }
}
