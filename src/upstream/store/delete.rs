//! DeleteObject and DeleteObjects.

use bytes::Bytes;
use http::StatusCode;
use http_body::Body;

use crate::s3::{Code, Fault};

use super::Reply;
use super::answer;
use super::condition::Guard;
use super::fault::Halt;
use super::index::Tx;
use super::intake;
use super::request::{Request, Version, no_such_version, not_implemented};
use super::shell::Shell;
use super::xml::Xml;
use crate::s3::xml::{Delete, DeleteEntry};

/// `DELETE /bucket/key`
pub(super) async fn one(shell: &Shell, request: &Request) -> Result<Reply, Halt> {
    for name in ["x-amz-if-match-last-modified-time", "x-amz-if-match-size"] {
        if request.header(name).is_some() {
            return Err(not_implemented(name).into());
        }
    }
    let (guard, version) = (Guard::read(request)?, request.version()?);
    let asked = request.clone();
    let change = move |tx: &mut Tx<'_>| {
        asked.owned_bucket(tx.bucket(asked.bucket())?)?;
        match version {
            Version::Unknown => Ok(()),
            Version::Current | Version::Null => remove(tx, asked.bucket(), asked.key(), &guard),
        }
    };
    shell.committer.run(change).await?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

/// Removes an object if the guard holds; one that is not there is removed already.
fn remove(tx: &mut Tx<'_>, bucket: &str, key: &str, guard: &Guard) -> Result<(), Halt> {
    let found = tx.newest(bucket, key)?;
    guard.check(key, found.as_ref().map(|(_, row)| &row.facts))?;
    match found {
        Some((at, row)) => Ok(tx.remove_object(&at, &row)?),
        None => Ok(()),
    }
}

/// `POST /bucket?delete`
pub(super) async fn many<B>(shell: &Shell, request: &Request, body: B) -> Result<Reply, Halt>
where
    B: Body<Data = Bytes, Error = Fault>,
{
    let document = Delete::parse(&intake::document(4 << 20, body).await?)?;
    let quiet = document.quiet;
    let asked = request.clone();
    let change = move |tx: &mut Tx<'_>| {
        asked.owned_bucket(tx.bucket(asked.bucket())?)?;
        let mut answers = Vec::with_capacity(document.entries.len());
        for entry in document.entries {
            let outcome = match each(tx, asked.bucket(), &entry) {
                Ok(()) => None,
                Err(Halt::Said(fault) | Halt::Body(fault)) => Some(fault),
                Err(broken) => return Err(broken),
            };
            answers.push((entry, outcome));
        }
        Ok(answers)
    };
    let answers = shell.committer.run(change).await?;
    Ok(answer::document(result(&answers, quiet)))
}

fn each(tx: &mut Tx<'_>, bucket: &str, entry: &DeleteEntry) -> Result<(), Halt> {
    if entry.key.len() > 1024 || entry.key.contains('\0') {
        return Err(Fault::plain(Code::KeyTooLongError, "key-too-long").into());
    }
    let conditions = [("LastModifiedTime", &entry.last_modified), ("Size", &entry.size)];
    if let Some((name, _)) = conditions.into_iter().find(|(_, condition)| condition.is_some()) {
        // Not kept, it would be a deletion that its author has ruled out.
        let message = format!("The embedded store does not implement the condition {name} of a deletion.");
        return Err(Fault::new(Code::NotImplemented, "condition-not-implemented", message).into());
    }
    match Version::read(entry.version.as_deref())? {
        Version::Unknown => Err(no_such_version(&entry.key, entry.version.as_deref().unwrap_or_default()).into()),
        Version::Current | Version::Null => remove(tx, bucket, &entry.key, &Guard::matching(entry.etag.clone())),
    }
}

fn result(answers: &[(DeleteEntry, Option<Fault>)], quiet: bool) -> Vec<u8> {
    let mut xml = Xml::new("DeleteResult");
    for (entry, outcome) in answers {
        if outcome.is_none() && quiet {
            continue;
        }
        let element = if outcome.is_some() { "Error" } else { "Deleted" };
        xml.open(element).text("Key", &entry.key);
        if let Some(version) = &entry.version {
            xml.text("VersionId", version);
        }
        if let Some(fault) = outcome {
            xml.text("Code", fault.code().as_str()).text("Message", fault.message());
        }
        xml.close(element);
    }
    xml.finish("DeleteResult")
}
