//! What a form is answered when its file is stored (spec/sigv4.md 10.4).

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{StatusCode, Uri};

use super::facts::Facts;
use crate::s3::form::Fields;
use crate::s3::{uri, xml};
use crate::upstream::{Reply, ReplyBody};

/// Where the browser goes, or what it is told.
#[derive(Debug)]
pub(super) struct Landing {
    redirect: Option<String>,
    status: StatusCode,
    location: String,
    bucket: String,
    key: String,
}

impl Landing {
    pub(super) fn of(fields: &Fields, bucket: &str, facts: &Facts) -> Self {
        let key = fields.get("key").unwrap_or_default();
        let redirect = fields.get("success_action_redirect").or_else(|| fields.get("redirect"));
        Self {
            redirect: redirect.filter(|url| is_web_address(url)).map(str::to_owned),
            status: match fields.get("success_action_status") {
                Some("200") => StatusCode::OK,
                Some("201") => StatusCode::CREATED,
                _ => StatusCode::NO_CONTENT,
            },
            location: location(facts, key),
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        }
    }

    /// Turns the store's answer to the PutObject into the form's. An error stays as it is.
    pub(super) fn answer(self, mut reply: Reply) -> Reply {
        if reply.status != StatusCode::OK {
            return reply;
        }
        let etag = reply.headers.get(header::ETAG).and_then(|etag| etag.to_str().ok()).unwrap_or_default().to_owned();
        for name in [header::CONTENT_LENGTH, header::CONTENT_TYPE] {
            reply.headers.remove(name);
        }
        reply.body = ReplyBody::Empty;
        let target = match &self.redirect {
            Some(url) => {
                reply.status = StatusCode::SEE_OTHER;
                self.redirected(url, &etag)
            }
            None => {
                reply.status = self.status;
                self.location.clone()
            }
        };
        if let Ok(target) = HeaderValue::from_str(&target) {
            reply.headers.insert(header::LOCATION, target);
        }
        if reply.status == StatusCode::CREATED {
            reply.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
            reply.body = ReplyBody::Full(Bytes::from(self.document(&etag)));
        }
        reply
    }

    /// The address with `bucket`, `key` and `etag` in its query.
    fn redirected(&self, url: &str, etag: &str) -> String {
        let (before, fragment) = url.split_once('#').map_or((url, None), |(before, after)| (before, Some(after)));
        let join = match before.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        let [bucket, key, etag] = [&self.bucket, &self.key, etag].map(|value| uri::encode(value.as_bytes()));
        let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
        format!("{before}{join}bucket={bucket}&key={key}&etag={etag}{fragment}")
    }

    fn document(&self, etag: &str) -> Vec<u8> {
        let mut writer = xml::Writer::document();
        writer.open("PostResponse");
        writer.element("Location", &self.location);
        writer.element("Bucket", &self.bucket);
        writer.element("Key", &self.key);
        writer.element("ETag", etag);
        writer.close("PostResponse");
        writer.finish()
    }
}

/// An absolute http or https URL that can stand in a header.
fn is_web_address(url: &str) -> bool {
    let Ok(parsed) = Uri::try_from(url) else { return false };
    url.bytes().all(|octet| octet.is_ascii_graphic())
        && matches!(parsed.scheme_str(), Some("http" | "https"))
        && parsed.host().is_some_and(|host| !host.is_empty())
}

/// Where the object lies, as the client addresses it: the bucket is in the host or in the path already.
fn location(facts: &Facts, key: &str) -> String {
    let bucket = facts.asked_url().unwrap_or_default(); // every request that came this far has a host
    format!("{}/{}", bucket.trim_end_matches('/'), uri::encode_path(key.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn landing(redirect: &str) -> Landing {
        Landing {
            redirect: Some(redirect.to_owned()),
            status: StatusCode::NO_CONTENT,
            location: String::new(),
            bucket: "b".to_owned(),
            key: "a b&c".to_owned(),
        }
    }

    #[test]
    fn only_web_addresses_are_redirected_to() {
        for url in ["https://app.example/done", "http://[::1]:8080", "HTTPS://a/?x=1#y"] {
            assert!(is_web_address(url), "{url}");
        }
        for url in [
            "",
            "/done",
            "app.example/done",
            "javascript:alert(1)",
            "ftp://a/",
            "https://",
            "https://a/ b",
            "//a/b",
            "https://a/\r\nx: y",
            "https://a/\u{e9}",
        ] {
            assert!(!is_web_address(url), "{url}");
        }
    }

    #[test]
    fn what_was_stored_is_added_to_the_query() {
        let added = "bucket=b&key=a%20b%26c&etag=%22e%22";
        for (url, before) in
            [("https://a", "https://a?"), ("https://a?", "https://a?"), ("https://a?x=1", "https://a?x=1&")]
        {
            assert_eq!(landing(url).redirected(url, "\"e\""), format!("{before}{added}"));
        }
        assert_eq!(landing("https://a#f").redirected("https://a#f", "\"e\""), format!("https://a?{added}#f"));
    }
}
