//! `[[oidc]]`: providers of web identities, and the keys their tokens are signed with. Keys come from
//! a file or stand in the table; nothing is fetched.

use std::path::Path;

use super::super::files;
use super::super::reader::Table;
use crate::identity::Directory;
use crate::identity::web::{Issuer, Keys};

/// How large a set of keys may be.
const KEYS_LIMIT: u64 = 256 << 10;
/// The most audiences of a provider; AWS has the same limit.
const MOST_AUDIENCES: usize = 100;

/// Reads one provider.
pub(super) fn read(table: &mut Table<'_>, directory: &mut Directory) {
    let issuer = table.parsed("issuer", "a URL such as \"https://issuer.example\"", issuer);
    if issuer.is_none() && !table.has("issuer") {
        table.required("issuer", "issuer = \"https://issuer.example\"");
    }
    let audiences = audiences(table);
    let keys = keys(table, directory);
    let Some(issuer) = issuer else { return };
    if directory.issuers().iter().any(|known| known.issuer == issuer.value) {
        let help = "put all its audiences and keys into one table";
        table.fault(issuer.span, "this issuer is declared twice", "taken above", help);
        return;
    }
    if let Some(keys) = keys.filter(|_| !audiences.is_empty()) {
        directory.add_issuer(Issuer { issuer: issuer.value, audiences, keys });
    }
}

/// An issuer as tokens name it: compared octet by octet, so nothing of it is changed.
fn issuer(text: &str) -> Option<String> {
    let host = text.strip_prefix("https://")?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:%".contains(&byte);
    (!host.is_empty() && text.len() <= 255 && host.bytes().all(fits)).then(|| text.to_owned())
}

fn audiences(table: &mut Table<'_>) -> Vec<String> {
    let name =
        |text: &str| ((1..=255).contains(&text.len()) && !text.chars().any(char::is_control)).then(|| text.to_owned());
    let found = table.list("audiences", "1 to 255 characters", name);
    if found.is_empty() && table.span_of("audiences").is_none() {
        table.required("audiences", "audiences = [\"sts.amazonaws.com\"]");
    } else if found.is_empty() || found.len() > MOST_AUDIENCES {
        let message = format!("`{}` needs 1 to {MOST_AUDIENCES} audiences", table.path_of("audiences"));
        let span = table.span_of("audiences").unwrap_or_else(|| table.span());
        table.fault(span, message, "not here", "name those for whom the issuer makes tokens");
    }
    found.into_iter().map(|found| found.value).collect()
}

fn keys(table: &mut Table<'_>, directory: &mut Directory) -> Option<Keys> {
    let (from_file, inline) = (table.path("keys_file"), table.string("keys"));
    let (text, span) = match (from_file, inline) {
        (Some(file), None) => {
            let text = text_of(table, &file.value, file.span.clone())?;
            directory.add_file(file.value);
            (text, file.span)
        }
        (None, Some(inline)) => (inline.value, inline.span),
        (Some(file), Some(_)) => {
            table.fault(file.span, "`keys_file` and `keys` are both there", "one too many", "remove one of them");
            return None;
        }
        (None, None) => {
            if !table.has("keys_file") && !table.has("keys") {
                table.required("keys_file", "keys_file = \"jwks.json\"");
            }
            return None;
        }
    };
    Keys::parse(&text)
        .inspect_err(|fault| {
            let help = "save what the issuer publishes at its `jwks_uri`";
            table.fault(span, "the keys of the issuer cannot be used", &fault.to_string(), help);
        })
        .ok()
}

fn text_of(table: &Table<'_>, path: &Path, span: std::ops::Range<usize>) -> Option<String> {
    files::read_text(path, KEYS_LIMIT)
        .inspect_err(|fault| {
            let label = format!("`{}` {fault}", path.display());
            table.fault(
                span,
                "the keys of the issuer cannot be read",
                &label,
                "relative paths start at the folder of this file",
            );
        })
        .ok()
}
