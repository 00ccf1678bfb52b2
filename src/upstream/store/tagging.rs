//! Tags of objects and buckets.

use bytes::Bytes;
use http::StatusCode;
use http_body::Body;

use crate::s3::{Code, Fault};

use super::Reply;
use super::answer;
use super::attributes::check_tags;
use super::fault::Halt;
use super::index::Tx;
use super::intake;
use super::read;
use super::request::{Request, Version, no_such_key, no_such_version};
use super::shell::Shell;
use super::xml::Xml;
use crate::s3::xml as documents;

type Tags = Vec<(String, String)>;

/// `GET /bucket/key?tagging`
pub(super) async fn object(shell: &Shell, request: &Request) -> Result<Reply, Halt> {
    let asked = request.clone();
    let tags = shell.read(move |_, view| Ok(read::lookup(view, &asked)?.attributes.tags)).await?;
    Ok(document(&tags))
}

/// `PUT /bucket/key?tagging`
pub(super) async fn put_object<B>(shell: &Shell, request: &Request, body: B) -> Result<Reply, Halt>
where
    B: Body<Data = Bytes, Error = Fault>,
{
    let tags = documents::tags(&intake::document(64 << 10, body).await?)?;
    check_tags(&tags, 10)?;
    set_object(shell, request, tags).await?;
    Ok(answer::empty(StatusCode::OK))
}

/// `DELETE /bucket/key?tagging`
pub(super) async fn delete_object(shell: &Shell, request: &Request) -> Result<Reply, Halt> {
    set_object(shell, request, Tags::new()).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

async fn set_object(shell: &Shell, request: &Request, tags: Tags) -> Result<(), Halt> {
    let version = request.version()?;
    let asked = request.clone();
    let change = move |tx: &mut Tx<'_>| {
        asked.owned_bucket(tx.bucket(asked.bucket())?)?;
        let found = tx.newest(asked.bucket(), asked.key())?.filter(|(_, row)| !row.facts.delete_marker);
        match (found, version) {
            (Some((at, mut row)), Version::Current | Version::Null) => {
                row.attributes.tags = tags;
                Ok(tx.rewrite_object(&at, &row)?)
            }
            (_, Version::Current) => Err(no_such_key(asked.key()).into()),
            _ => Err(no_such_version(asked.key(), asked.query("versionId").unwrap_or_default()).into()),
        }
    };
    shell.committer.run(change).await
}

/// `GET /bucket?tagging`
pub(super) async fn bucket(shell: &Shell, request: &Request) -> Result<Reply, Halt> {
    let asked = request.clone();
    let read = move |_: &super::shell::Core, view: &super::index::View| {
        let row = asked.owned_bucket(view.bucket(asked.bucket())?)?;
        if row.tags.is_empty() {
            let message = "The TagSet does not exist";
            return Err(Fault::new(Code::NoSuchTagSet, "not-set", message).with("BucketName", asked.bucket()).into());
        }
        Ok(row.tags)
    };
    Ok(document(&shell.read(read).await?))
}

/// `PUT /bucket?tagging`
pub(super) async fn put_bucket<B>(shell: &Shell, request: &Request, body: B) -> Result<Reply, Halt>
where
    B: Body<Data = Bytes, Error = Fault>,
{
    let tags = documents::tags(&intake::document(64 << 10, body).await?)?;
    check_tags(&tags, 50)?;
    set_bucket(shell, request, tags).await
}

/// `DELETE /bucket?tagging`
pub(super) async fn delete_bucket(shell: &Shell, request: &Request) -> Result<Reply, Halt> {
    set_bucket(shell, request, Tags::new()).await
}

async fn set_bucket(shell: &Shell, request: &Request, tags: Tags) -> Result<Reply, Halt> {
    let asked = request.clone();
    let change = move |tx: &mut Tx<'_>| {
        let mut row = asked.owned_bucket(tx.bucket(asked.bucket())?)?;
        row.tags = tags;
        Ok(tx.put_bucket(asked.bucket(), &row)?)
    };
    shell.committer.run(change).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

fn document(tags: &[(String, String)]) -> Reply {
    let mut xml = Xml::new("Tagging");
    xml.open("TagSet");
    for (key, value) in tags {
        xml.open("Tag").text("Key", key).text("Value", value).close("Tag");
    }
    xml.close("TagSet");
    answer::document(xml.finish("Tagging"))
}
