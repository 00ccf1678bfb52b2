//! A chain of digests, as it is and tampered with.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use bartizan::audit::digest::{self, Presented, PublicKey, Verdict};
use serde_json::Value;

use crate::report::{Difference, Outcome, same};

pub(crate) fn run(directory: &Path, outcome: &mut Outcome) -> Result<(), String> {
    const NAME: &str = "chain.json";
    let Ok((chain, key)) = read(directory) else {
        outcome.case(NAME, NAME, || Err(Difference::unreadable("chain")));
        return Ok(());
    };
    let document = document(directory)?;
    for (place, element) in list(&document, "chain").iter().enumerate() {
        outcome.case(NAME, &format!("digest-{place}"), || judge(&chain, &key, &document, element));
    }
    for case in list(&document, "tampering") {
        outcome.case(NAME, case["name"].as_str().unwrap_or(NAME), || judge_tampering(&chain, &key, case));
    }
    Ok(())
}

/// Everything that is fetched: digests by the name of their file, log files too, and where they lie.
#[derive(Clone)]
struct Chain {
    digests: BTreeMap<String, Fetched>,
    logs: BTreeMap<String, Vec<u8>>,
    /// The names of digests' files by their objects, those of log files too.
    objects: BTreeMap<String, String>,
}

#[derive(Clone)]
struct Fetched {
    bucket: String,
    object: String,
    signature: String,
    content: Vec<u8>,
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn document(directory: &Path) -> Result<Value, String> {
    let text = std::fs::read(directory.join("chain.json")).map_err(|error| error.to_string())?;
    serde_json::from_slice(&text).map_err(|error| error.to_string())
}

fn read(directory: &Path) -> Result<(Chain, PublicKey), String> {
    let document = document(directory)?;
    let text = |value: &Value, name: &str| value[name].as_str().map(str::to_owned).ok_or_else(|| name.to_owned());
    let content = |file: &str| std::fs::read(directory.join(file)).map_err(|error| error.to_string());
    let mut chain = Chain { digests: BTreeMap::new(), logs: BTreeMap::new(), objects: BTreeMap::new() };
    for element in document.get("chain").and_then(Value::as_array).ok_or("chain")? {
        let file = text(element, "file")?;
        let fetched = Fetched {
            bucket: text(element, "bucket")?,
            object: text(element, "object")?,
            signature: text(element, "signature")?,
            content: content(&file)?,
        };
        chain.objects.insert(fetched.object.clone(), file.clone());
        chain.digests.insert(file, fetched);
        for (object, file) in element["logs"].as_object().ok_or("logs")? {
            let file = file.as_str().ok_or("logs")?.to_owned();
            chain.logs.insert(file.clone(), content(&file)?);
            chain.objects.insert(object.clone(), file);
        }
    }
    let der =
        base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text(&document, "public_key_pkcs1_b64")?);
    Ok((chain, PublicKey::new(der.map_err(|error| error.to_string())?)))
}

impl Chain {
    /// The verdict on every file, by its name.
    fn verdicts(&self, key: &PublicKey) -> BTreeMap<String, Verdict> {
        let presented: Vec<_> = self
            .digests
            .values()
            .map(|fetched| Presented {
                bucket: &fetched.bucket,
                object: &fetched.object,
                document: &fetched.content,
                signature: Some(&fetched.signature),
            })
            .collect();
        let log = |_: &str, object: &str| -> Option<Cow<'_, [u8]>> {
            self.logs.get(self.objects.get(object)?).map(|content| Cow::Borrowed(content.as_slice()))
        };
        let report = digest::verify(&presented, std::slice::from_ref(key), &log);
        let name = |object: &str| self.objects.get(object).cloned().unwrap_or_default();
        report.files.into_iter().map(|file| (name(&file.object), file.verdict)).collect()
    }
}

fn judge(chain: &Chain, key: &PublicKey, document: &Value, element: &Value) -> Result<(), Difference> {
    let file = element["file"].as_str().unwrap_or_default();
    let fetched = chain.digests.get(file).ok_or_else(|| Difference::unreadable("file"))?;
    let read: digest::Digest =
        serde_json::from_slice(&fetched.content).map_err(|_| Difference::unreadable("digest"))?;
    let signed = digest::string_to_sign(
        &read.digest_end_time,
        &fetched.bucket,
        &fetched.object,
        &digest::hash(&fetched.content),
        read.previous_digest_signature.as_deref(),
    );
    same("string_to_sign", &element["string_to_sign"], &signed.into())?;
    let valid = chain.verdicts(key).get(file) == Some(&Verdict::Valid);
    same("valid", &element["valid"], &valid.into())?;
    same("fingerprint", &document["fingerprint"], &key.fingerprint().into())
}

fn judge_tampering(chain: &Chain, key: &PublicKey, case: &Value) -> Result<(), Difference> {
    let mut chain = chain.clone();
    tamper(&mut chain, &case["apply"]).ok_or_else(|| Difference::unreadable("apply"))?;
    let verdicts = chain.verdicts(key);
    for expected in case["report"].as_array().ok_or_else(|| Difference::unreadable("report"))? {
        let file = expected["file"].as_str().unwrap_or_default();
        let got = verdicts.get(file).map_or("none", |verdict| verdict.as_str());
        same(file, &expected["verdict"], &got.into())?;
    }
    Ok(())
}

/// Does what a case says; `None` if it cannot be done.
fn tamper(chain: &mut Chain, apply: &Value) -> Option<()> {
    let file = apply["file"].as_str()?;
    let from = apply["from"].as_str().and_then(|from| chain.digests.get(from)).cloned();
    match apply["op"].as_str()? {
        "flip-bit" => {
            let digest = chain.digests.get_mut(file).map(|fetched| &mut fetched.content);
            *digest.or_else(|| chain.logs.get_mut(file))?.first_mut()? ^= 1;
        }
        "remove" => {
            chain.digests.remove(file).map(|_| ()).or_else(|| chain.logs.remove(file).map(|_| ()))?;
        }
        "rename-object" => {
            let fetched = chain.digests.get_mut(file)?;
            fetched.object.push('x');
            chain.objects.insert(fetched.object.clone(), file.to_owned());
        }
        "add-log-file" => {
            let from: Value = serde_json::from_slice(&from?.content).ok()?;
            let fetched = chain.digests.get_mut(file)?;
            let mut digest: Value = serde_json::from_slice(&fetched.content).ok()?;
            let first = from.pointer("/logFiles/0")?.clone();
            digest.get_mut("logFiles")?.as_array_mut()?.push(first);
            fetched.content = serde_json::to_vec(&digest).ok()?;
        }
        "take-signature" => chain.digests.get_mut(file)?.signature = from?.signature,
        _ => return None,
    }
    Some(())
}
