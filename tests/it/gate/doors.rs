//! Requests through access points, over TLS: every form of address, every rule that no policy can lift, and
//! the decision with both policies.

use std::io::{Read as _, Write as _};
use std::time::Duration;

use bartizan::s3::checksum::{self, Algorithm};

use super::house::House;
use super::{Ask, Gate, NOBODY, Reply, SECRET};

const ARN: &str = "arn:aws:s3:us-east-1:111122223333:accesspoint/reports";
const CONTROL: &str = "111122223333.localhost";
const DOOR: &str = "reports-111122223333.localhost";
const NAMESPACE: &str = "http://awss3control.amazonaws.com/doc/2018-08-20/";

impl House {
    /// With a bucket and an access point to it.
    fn with_door(listen: &str, inside: &str) -> Self {
        Self::behind(&[], listen, inside)
    }

    /// The same behind a balancer.
    fn behind(preface: &[u8], listen: &str, inside: &str) -> Self {
        let mut house = Self::new(listen);
        house.preface = preface.to_vec();
        assert_eq!(house.send(&Ask::new("PUT", "/bucket")).status, 200);
        let body = format!(
            "<CreateAccessPointRequest xmlns=\"{NAMESPACE}\"><Bucket>bucket</Bucket>{inside}</CreateAccessPointRequest>"
        );
        let made = house.send(&control("PUT", "/v20180820/accesspoint/reports", &body));
        assert_eq!(made.status, 200, "{made:?}");
        house
    }

    fn alias(&self) -> String {
        let found = text(&self.send(&control("GET", "/v20180820/accesspoint/reports", "")));
        found.split_once("<Alias>").unwrap().1.split_once("</Alias>").unwrap().0.to_owned()
    }

    /// Sends a request that nobody has signed.
    fn unsigned(&self, host: &str, target: &str) -> Reply {
        self.unsigned_with(host, &format!("GET {target}"), "")
    }

    fn unsigned_with(&self, host: &str, line: &str, headers: &str) -> Reply {
        let text = format!("{line} HTTP/1.1\r\nhost: {host}\r\n{headers}connection: close\r\n\r\n");
        // The name in the handshake plays no part in where a request goes.
        self.send_raw("localhost", text.as_bytes())
    }
}

/// The head of a balancer in front: PROXY protocol, version 2, with an AWS VPC endpoint.
fn through_endpoint(id: &str) -> Vec<u8> {
    let tail = [&[0xea, 0, u8::try_from(id.len() + 1).unwrap(), 1][..], id.as_bytes()].concat();
    let length = u8::try_from(12 + tail.len()).unwrap();
    let head = [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[0x21, 0x11, 0, length], &[10, 0, 0, 1, 10, 0, 0, 2, 1, 2, 1, 3]];
    [&head.concat()[..], &tail].concat()
}

fn control(method: &'static str, target: &str, body: &str) -> Ask {
    let ask = Ask { host: CONTROL, body: body.as_bytes().to_vec(), ..Ask::new(method, target) };
    ask.header("x-amz-account-id", "111122223333")
}

fn put_policy(document: &str) -> Ask {
    let escaped = document.replace('"', "&quot;");
    let body = format!(
        "<PutAccessPointPolicyRequest xmlns=\"{NAMESPACE}\"><Policy>{escaped}</Policy></PutAccessPointPolicyRequest>"
    );
    control("PUT", "/v20180820/accesspoint/reports/policy", &body)
}

fn at(host: &'static str, ask: Ask) -> Ask {
    Ask { host, ..ask }
}

fn door(method: &'static str, target: &str) -> Ask {
    at(DOOR, Ask::new(method, target))
}

fn nobody(ask: Ask) -> Ask {
    Ask { key: NOBODY, secret: SECRET, ..ask }
}

fn text(reply: &Reply) -> String {
    String::from_utf8(reply.body.clone()).unwrap()
}

#[test]
fn every_form_of_address_leads_to_the_bucket_behind() {
    let house = House::with_door("", "");
    let alias = house.alias();
    assert_eq!(house.send(&at(DOOR, Ask::put("/q/1", b"one"))).status, 200);
    let escaped = ARN.replace(':', "%3A").replace("/reports", "%2Freports");
    for target in [format!("/{alias}/q/1"), format!("/{escaped}/q/1"), "/bucket/q/1".to_owned()] {
        let read = house.send(&Ask::new("GET", &target));
        assert_eq!((read.status, &read.body[..]), (200, &b"one"[..]), "{target}: {read:?}");
    }
    let host: &'static str = Box::leak(format!("{alias}.s3.localhost").into_boxed_str());
    let read = house.send(&at(host, Ask::new("GET", "/q/1")));
    assert_eq!((read.status, &read.body[..]), (200, &b"one"[..]));
    // What is listed has the name that the client used, and the bucket's stays inside.
    for (ask, shown) in [
        (door("GET", "/?list-type=2"), "reports-111122223333"),
        (door("GET", "/"), "reports-111122223333"),
        (door("GET", "/?versions="), "reports-111122223333"),
        (Ask::new("GET", &format!("/{alias}?list-type=2")), alias.as_str()),
        (Ask::new("GET", &format!("/{escaped}?list-type=2")), ARN),
    ] {
        let listed = text(&house.send(&ask));
        assert!(listed.contains(&format!("<Name>{shown}</Name>")), "{listed}");
        assert!(listed.contains("<Key>q/1</Key>") && !listed.contains(">bucket<"), "{listed}");
    }
    // The source of a copy has the same forms.
    for source in [format!("{escaped}/object/q/1").replace("%2F", "/"), format!("{alias}/q/1"), "bucket/q/1".to_owned()]
    {
        let copy = door("PUT", "/copy").header("x-amz-copy-source", &source);
        let copied = house.send(&copy);
        assert_eq!(copied.status, 200, "{source}: {copied:?}");
        assert_eq!(house.send(&Ask::new("GET", "/bucket/copy")).body, b"one");
    }
    house
        .send(&door("PUT", "/copy").header("x-amz-copy-source", &format!("{}/object/q/1", ARN.replace("ports", "st"))))
        .refused(404, "NoSuchAccessPoint");
}

#[test]
fn an_upload_in_parts_keeps_the_name_of_its_door() {
    let house = House::with_door("", "");
    let begun = text(&house.send(&door("POST", "/big?uploads=")));
    assert!(begun.contains("<Bucket>reports-111122223333</Bucket>"), "{begun}");
    let id = begun.split_once("<UploadId>").unwrap().1.split_once("</UploadId>").unwrap().0;
    let part = house.send(&at(DOOR, Ask::put(&format!("/big?partNumber=1&uploadId={id}"), b"part")));
    let etag = part.head.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().to_owned();
    let parts = text(&house.send(&door("GET", &format!("/big?uploadId={id}"))));
    assert!(parts.contains("<Bucket>reports-111122223333</Bucket>"), "{parts}");
    let document = format!(
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    );
    let complete = Ask { body: document.into_bytes(), ..door("POST", &format!("/big?uploadId={id}")) };
    let length = complete.body.len().to_string();
    let done = text(&house.send(&complete.header("content-length", &length)));
    assert!(done.contains("<Bucket>reports-111122223333</Bucket>"), "{done}");
    assert!(done.contains(&format!("<Location>https://{DOOR}/big</Location>")), "{done}");
    let (records, _) = house.gate.finish();
    let of_door = |record: &&serde_json::Value| record["access_point_arn"] == ARN;
    let (through, about): (Vec<_>, Vec<_>) =
        records.iter().filter(of_door).partition(|record| record["bucket_name"] == "bucket");
    assert_eq!(through.len(), 4, "the records say which door it was: {records:#?}");
    let about: Vec<_> = about.iter().map(|record| &record["operation"]).collect();
    assert_eq!(about, ["CreateAccessPoint"], "and which one was made: {records:#?}");
}

#[test]
fn what_no_policy_lifts() {
    let house = House::with_door("", "");
    let alias = house.alias();
    // Strangers are told the same of a door that is there and of one that is not.
    for (host, target) in [
        (DOOR, "/k"),
        ("localhost", &*format!("/{alias}/k")),
        ("localhost", "/reports-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-s3alias/k"),
        ("localhost", "/arn%3Aaws%3As3%3Aus-east-1%3A111122223333%3Aaccesspoint%2Fnone/k"),
    ] {
        house.unsigned(host, target).refused(403, "AccessDenied");
    }
    let unknown = Ask::new("GET", "/reports-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-s3alias/k");
    house.send(&unknown).refused(404, "NoSuchBucket");
    for target in ["/?versioning=", "/?policyStatus=", "/?tagging=", "/?lifecycle="] {
        house.send(&door("GET", target)).refused(405, "MethodNotAllowed");
    }
    house.send(&door("PUT", "/?policy=")).refused(405, "MethodNotAllowed");
    house.send(&door("DELETE", "/")).refused(405, "MethodNotAllowed");
    for name in ["b--x-s3", "b--ol-s3", "b--op-s3", "b.mrap"] {
        house.send(&Ask::new("GET", &format!("/{name}/k"))).refused(501, "NotImplemented");
    }
    // Whoever makes a bucket of the door's name could not reach it.
    house.send(&Ask::new("PUT", "/reports-111122223333")).refused(400, "InvalidBucketName");
    // A door that is gone is a bucket's name again, and there is no bucket.
    assert_eq!(house.send(&control("DELETE", "/v20180820/accesspoint/reports", "")).status, 204);
    house.send(&Ask::new("GET", &format!("/{alias}/k"))).refused(404, "NoSuchBucket");
}

#[test]
fn nobody_comes_through_in_the_clear() {
    let gate = Gate::embedded();
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    let body =
        format!("<CreateAccessPointRequest xmlns=\"{NAMESPACE}\"><Bucket>bucket</Bucket></CreateAccessPointRequest>");
    assert_eq!(gate.send(&control("PUT", "/v20180820/accesspoint/reports", &body)).status, 200);
    gate.send(&door("GET", "/?list-type=2")).refused(403, "AccessDenied");
    gate.send(&door("PUT", "/copy").header("x-amz-copy-source", &format!("{ARN}/object/k")))
        .refused(403, "AccessDenied");
}

#[test]
fn a_door_of_a_vpc_opens_to_its_own_listener_alone() {
    let bound = "<VpcConfiguration><VpcId>vpc-0a1b2c3d</VpcId></VpcConfiguration>";
    for (listen, status) in [
        ("vpc = \"vpc-0a1b2c3d\"\nvpc_endpoint = \"vpce-0a1b2c3d\"", 200),
        ("vpc = \"vpc-99999999\"\nvpc_endpoint = \"vpce-0a1b2c3d\"", 403),
        ("", 403),
    ] {
        let house = House::with_door(listen, bound);
        assert_eq!(house.send(&door("GET", "/?list-type=2")).status, status, "{listen}");
        // The other way to the bucket is what its policy says.
        assert_eq!(house.send(&Ask::new("GET", "/bucket?list-type=2")).status, 200);
    }
}

#[test]
fn both_policies_must_agree_and_a_change_counts_at_once() {
    let house = House::with_door("", "");
    assert_eq!(house.send(&Ask::put("/bucket/q/1", b"one")).status, 200);
    assert_eq!(house.send(&Ask::put("/bucket/x/1", b"one")).status, 200);
    let read = |target: &str| house.send(&nobody(door("GET", target))).status;
    let who = "arn:aws:iam::111122223333:user/nobody";
    let at_point = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{who}"}},"Action":"s3:GetObject","Resource":"{ARN}/object/q/*"}}]}}"#
    );
    let delegating = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"*","Resource":["arn:aws:s3:::bucket","arn:aws:s3:::bucket/*"],"Condition":{"StringEquals":{"s3:DataAccessPointAccount":"111122223333"}}}]}"#;
    assert_eq!(read("/q/1"), 403);
    assert_eq!(house.send(&put_policy(&at_point)).status, 200);
    assert_eq!(read("/q/1"), 403, "the bucket says nothing");
    let md5 = checksum::of(Algorithm::Md5, delegating.as_bytes()).to_base64();
    let put = house.send(&Ask::put("/bucket?policy=", delegating.as_bytes()).header("content-md5", &md5));
    assert_eq!(put.status, 204, "{}", text(&put));
    assert_eq!(read("/q/1"), 200);
    assert_eq!(read("/x/1"), 403, "the door is for one prefix");
    assert_eq!(house.send(&nobody(Ask::new("GET", "/bucket/q/1"))).status, 403, "and the bucket for doors alone");
    assert_eq!(house.send(&control("DELETE", "/v20180820/accesspoint/reports/policy", "")).status, 204);
    assert_eq!(read("/q/1"), 403);
    // A policy of the bucket in the place of one of the door is none.
    house
        .send(&put_policy(&delegating.replace(
            "\"Condition\":{\"StringEquals\":{\"s3:DataAccessPointAccount\":\"111122223333\"}}",
            "\"Sid\":\"x\"",
        )))
        .refused(400, "MalformedPolicy");
}

#[test]
fn strangers_cannot_tell_a_door_that_is_there_from_one_that_is_not() {
    let house = House::with_door("", "");
    let alias = house.alias();
    let none = "none-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-s3alias";
    let arn = |name: &str| format!("/arn%3Aaws%3As3%3Aus-east-1%3A111122223333%3Aaccesspoint%2F{name}");
    let long = "k".repeat(1025);
    let streaming = "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\nx-amz-decoded-content-length: 0\r\n\
                     content-length: 0\r\n";
    let told = |host: &str, line: &str, headers: &str| {
        let reply = house.unsigned_with(host, line, headers);
        let text = text(&reply);
        let code = text.split_once("<Code>").map_or("", |(_, rest)| rest.split_once('<').unwrap().0);
        let message = text.split_once("<Message>").map_or("", |(_, rest)| rest.split_once('<').unwrap().0);
        (reply.status, code.to_owned(), message.to_owned())
    };
    for (method, below, headers) in [
        ("GET", "/k", ""),
        ("GET", "/?versioning=", ""),
        ("GET", "/?unheard-of=", ""),
        ("GET", &*format!("/{long}"), ""),
        ("PUT", "/k", ""),
        ("PUT", "/k", streaming),
        ("GET", "/k", streaming),
        ("PUT", "/k", "content-md5: none\r\ncontent-length: 0\r\n"),
        ("DELETE", "", ""),
    ] {
        let at_host =
            |host: &str| told(host, &format!("{method} {}", if below.is_empty() { "/" } else { below }), headers);
        assert_eq!(at_host(DOOR), at_host("none-111122223333.localhost"), "{method} {below} {headers}");
        for (there, gone) in [(arn("reports"), arn("none")), (format!("/{alias}"), format!("/{none}"))] {
            let at_path = |start: &str| told("localhost", &format!("{method} {start}{below}"), headers);
            assert_eq!(at_path(&there), at_path(&gone), "{method} {there}{below} {headers}");
        }
    }
    let copied = |name: &str| {
        let source = format!("arn:aws:s3:us-east-1:111122223333:accesspoint/{name}/object/k");
        told("localhost", "PUT /b42/k", &format!("x-amz-copy-source: {source}\r\ncontent-length: 3\r\n"))
    };
    assert_eq!(copied("reports"), copied("none"));
    // Nor by the form that it cannot be sent.
    let form = "--x\r\ncontent-disposition: form-data; name=\"key\"\r\n\r\nk\r\n--x\r\ncontent-disposition: form-data; \
                name=\"file\"\r\n\r\none\r\n--x--\r\n";
    let head = format!("content-type: multipart/form-data; boundary=x\r\ncontent-length: {}\r\n", form.len());
    // Nor by what is wrong with a form: nobody has signed it.
    for (target, header) in [("/?foo=1", ""), ("/", "x-amz-foo: 1\r\n"), ("/k", ""), ("/?acl=&policy=", "")] {
        let sent = |host: &str| {
            let more = format!("{header}{head}connection: close\r\n");
            let request = format!("POST {target} HTTP/1.1\r\nhost: {host}\r\n{more}\r\n{form}");
            let reply = house.send_raw("localhost", request.as_bytes());
            (reply.status, reply.code())
        };
        assert_eq!(sent(DOOR), sent("none-111122223333.localhost"), "{target} {header}");
    }
    for (host, target) in [(DOOR, "/"), ("localhost", &*format!("/{alias}")), ("localhost", &*arn("reports"))] {
        let request = format!("POST {target} HTTP/1.1\r\nhost: {host}\r\n{head}connection: close\r\n\r\n{form}");
        house.send_raw(host, request.as_bytes()).refused(403, "AccessDenied");
    }
}

#[test]
fn certificates_are_made_for_accounts_and_access_points_that_exist() {
    let house = House::with_door("", "");
    let shakes = |host: &str| house.connect(host).write_all(b"GET / HTTP/1.1\r\n\r\n").is_ok();
    assert!(shakes(DOOR) && shakes(CONTROL) && shakes("localhost"));
    for host in
        ["none-111122223333.localhost", "reports-444455556666.localhost", "999988887777.localhost", "b.localhost"]
    {
        assert!(!shakes(host), "{host}");
    }
    assert_eq!(house.send(&control("DELETE", "/v20180820/accesspoint/reports", "")).status, 204);
    assert!(!shakes(DOOR), "it is gone");
}

#[test]
fn a_door_may_be_called_like_what_stands_in_front_of_keys() {
    let house = House::with_door("", "");
    let body =
        format!("<CreateAccessPointRequest xmlns=\"{NAMESPACE}\"><Bucket>bucket</Bucket></CreateAccessPointRequest>");
    assert_eq!(house.send(&control("PUT", "/v20180820/accesspoint/object", &body)).status, 200);
    let host = "object-111122223333.localhost";
    assert_eq!(house.send(&at(host, Ask::put("/object/k", b"one"))).status, 200);
    assert_eq!(house.send(&at(host, Ask::new("GET", "/object/k"))).body, b"one");
    for source in ["accesspoint/object/object/object/k", "accesspoint:object/object/object/k"] {
        let source = format!("arn:aws:s3:us-east-1:111122223333:{source}");
        let copied = house.send(&Ask::new("PUT", "/bucket/copy").header("x-amz-copy-source", &source));
        assert_eq!(copied.status, 200, "{source}: {copied:?}");
    }
}

#[test]
fn errors_call_the_bucket_what_the_client_calls_it() {
    let house = House::with_door("", "");
    let named = |ask: &Ask, code: &str, shown: &str| {
        let told = text(&house.send(ask));
        assert!(told.contains(&format!("<Code>{code}</Code>")), "{told}");
        assert!(told.contains(&format!("<BucketName>{shown}</BucketName>")) && !told.contains(">bucket<"), "{told}");
    };
    named(&door("GET", "/?policy="), "NoSuchBucketPolicy", "reports-111122223333");
    assert_eq!(house.send(&Ask::new("PUT", "/other")).status, 200);
    assert_eq!(house.send(&Ask::new("DELETE", "/bucket")).status, 204);
    for target in ["/?list-type=2", "/k", "/?policy=", "/?acl="] {
        named(&door("GET", target), "NoSuchBucket", "reports-111122223333");
    }
    named(&Ask::new("PUT", "/other/k").header("x-amz-copy-source", &format!("{ARN}/object/k")), "NoSuchBucket", ARN);
}

#[test]
fn a_door_that_was_made_anew_does_not_open_to_the_old_bucket() {
    let house = House::with_door("", "");
    assert_eq!(house.send(&Ask::put("/bucket/k", b"one")).status, 200);
    assert_eq!(house.send(&Ask::new("PUT", "/other")).status, 200);
    let document = b"<Delete><Object><Key>k</Key></Object></Delete>";
    let md5 = checksum::of(Algorithm::Md5, document).to_base64();
    let length = document.len().to_string();
    let delete = Ask { body: document.to_vec(), ..door("POST", "/?delete=") };
    let wire = delete.header("content-md5", &md5).header("content-length", &length).wire();
    let mut slow = house.connect(DOOR);
    slow.write_all(&wire[..wire.len() - 5]).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(house.send(&control("DELETE", "/v20180820/accesspoint/reports", "")).status, 204);
    let body =
        format!("<CreateAccessPointRequest xmlns=\"{NAMESPACE}\"><Bucket>other</Bucket></CreateAccessPointRequest>");
    assert_eq!(house.send(&control("PUT", "/v20180820/accesspoint/reports", &body)).status, 200);
    slow.write_all(&wire[wire.len() - 5..]).unwrap();
    let mut answer = Vec::new();
    let _ = slow.read_to_end(&mut answer);
    Reply::parse(&answer).refused(403, "AccessDenied");
    assert_eq!(house.send(&Ask::new("GET", "/bucket/k")).body, b"one");
}

#[test]
fn an_endpoint_that_is_not_the_listeners_is_in_no_vpc_that_anybody_knows() {
    let bound = "<VpcConfiguration><VpcId>vpc-0a1b2c3d</VpcId></VpcConfiguration>";
    let listen = "proxy_protocol = true\ntrusted_proxies = [\"127.0.0.0/8\"]\nvpc = \"vpc-0a1b2c3d\"\n\
                  vpc_endpoint = \"vpce-0a1b2c3d\"";
    for (endpoint, status) in [("vpce-0a1b2c3d", 200), ("vpce-99999999", 403)] {
        let house = House::behind(&through_endpoint(endpoint), listen, bound);
        assert_eq!(house.send(&door("GET", "/?list-type=2")).status, status, "{endpoint}");
    }
}
