//! Access points through S3 Control: made, told of, changed and removed, each with everything that is refused.

use super::people::by;
use super::{Ask, Gate, NOBODY, Reply, Script};

const OURS: &str = "111122223333";
const STRANGER: &str = "AKIASTRANGERSTRANG01";
const TAGGER: &str = "AKIATAGGERTAGGER0001";
const SECRET: &str = "testsecrettestsecrettestsecrettestsecret";

const ONE: &str = "/v20180820/accesspoint/reports";
const ARN: &str = "arn:aws:s3:us-east-1:111122223333:accesspoint/reports";

/// May make access points for one VPC and with one tag alone.
const TAGGER_POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": "s3:CreateAccessPoint", "Resource": "arn:aws:s3:us-east-1:111122223333:accesspoint/team-*",
   "Condition": {"StringEquals": {"s3:AccessPointNetworkOrigin": "VPC", "s3:locationconstraint": "us-east-1",
                                  "s3:DataAccessPointAccount": "111122223333"}}},
  {"Effect": "Allow", "Action": "s3:TagResource", "Resource": "*", "Condition": {"StringEquals": {"aws:RequestTag/team": "red"}}},
  {"Effect": "Allow", "Action": "s3:UntagResource", "Resource": "*",
   "Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": ["spare"]}}}]}"#;

fn users() -> String {
    let user = |arn: &str, policies: &str, id: &str| {
        format!(
            "[[user]]\narn = \"arn:aws:iam::{arn}\"\npolicies = [{policies}]\nkeys = [{{ id = \"{id}\", secret = \"{SECRET}\" }}]\n\n"
        )
    };
    [
        "[[account]]\nid = \"111122223333\"\nname = \"main\"\n\n[[account]]\nid = \"444455556666\"\nname = \"other\"\n\n",
        &user("111122223333:user/test", "\"administrator\"", super::KEY),
        &user("111122223333:user/nobody", "", NOBODY),
        &user("111122223333:user/tagger", "\"tagger\"", TAGGER),
        &user("444455556666:user/stranger", "\"administrator\"", STRANGER),
    ]
    .concat()
}

fn launch(upstream: &str, more: &[(&str, &str)]) -> Result<Gate, String> {
    let users = users();
    let mut files =
        vec![("policies/credentials.toml", users.as_str()), ("policies/identities/tagger.json", TAGGER_POLICY)];
    files.extend_from_slice(more);
    Gate::launch("", &format!("[upstream]\n{upstream}"), &files)
}

/// Before the embedded store, with a bucket of ours.
fn gate(more: &[(&str, &str)]) -> Gate {
    let gate = launch("kind = \"embedded\"", more).unwrap_or_else(|told| panic!("{told}"));
    assert_eq!(gate.send(&Ask::new("PUT", "/bucket")).status, 200);
    gate
}

fn ask(method: &'static str, target: &str) -> Ask {
    Ask::new(method, target).header("x-amz-account-id", OURS)
}

fn with(body: &str, ask: Ask) -> Ask {
    Ask { body: body.as_bytes().to_vec(), ..ask }
}

fn text(reply: &Reply) -> String {
    String::from_utf8(reply.body.clone()).unwrap()
}

fn create(inside: &str) -> Ask {
    let namespace = "http://awss3control.amazonaws.com/doc/2018-08-20/";
    let document = format!("<CreateAccessPointRequest xmlns=\"{namespace}\">{inside}</CreateAccessPointRequest>");
    with(&document, ask("PUT", ONE))
}

fn plain() -> Ask {
    create("<Bucket>bucket</Bucket>")
}

fn at(target: &str, ask: Ask) -> Ask {
    Ask { target: target.to_owned(), ..ask }
}

fn put_policy(policy: &str) -> Ask {
    let escaped = policy.replace('&', "&amp;").replace('<', "&lt;");
    let document = format!("<PutAccessPointPolicyRequest><Policy>{escaped}</Policy></PutAccessPointPolicyRequest>");
    with(&document, ask("PUT", &format!("{ONE}/policy")))
}

/// A policy that lets a principal read through the access point.
fn read_by(principal: &str) -> String {
    format!(
        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow", "Principal": {principal},
        "Action": "s3:GetObject", "Resource": "{ARN}/object/*"}}}}"#
    )
}

fn tags(arn: &str) -> String {
    format!("/v20180820/tags/{}", arn.replace(':', "%3A").replace('/', "%2F"))
}

fn tag(tags: &[(&str, &str)]) -> String {
    let tag = |(key, value): &(&str, &str)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>");
    let tags: String = tags.iter().map(tag).collect();
    format!("<TagResourceRequest><Tags>{tags}</Tags></TagResourceRequest>")
}

fn element(reply: &Reply, name: &str) -> String {
    let text = text(reply);
    let inside = text.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once(&format!("</{name}>")));
    inside.map(|(inside, _)| inside.to_owned()).unwrap_or_default()
}

#[test]
fn an_access_point_is_in_force_when_its_maker_hears_of_it_and_gone_when_that_is_told() {
    let gate = gate(&[]);
    gate.send(&ask("GET", ONE)).refused(404, "NoSuchAccessPoint");
    let made = gate.send(&plain());
    assert_eq!(made.status, 200, "{made:?}");
    assert_eq!(element(&made, "AccessPointArn"), ARN);
    let alias = element(&made, "Alias");
    assert!(alias.starts_with("reports-") && alias.ends_with("-s3alias") && alias.len() == 7 + 1 + 34 + 8, "{alias}");
    let shown = gate.send(&ask("GET", ONE));
    assert_eq!(shown.status, 200, "{shown:?}");
    for (name, expected) in [
        ("Name", "reports"),
        ("Bucket", "bucket"),
        ("NetworkOrigin", "Internet"),
        ("BlockPublicAcls", "true"),
        ("RestrictPublicBuckets", "true"),
        ("Alias", &alias),
        ("AccessPointArn", ARN),
        ("BucketAccountId", OURS),
        ("entry", "<key>ipv4</key><value>localhost</value>"),
    ] {
        assert_eq!(element(&shown, name), expected, "{name}");
    }
    assert!(!text(&shown).contains("VpcConfiguration"), "{shown:?}");
    assert!(element(&shown, "CreationDate").ends_with('Z'));
    let file = gate.folder.path().join("policies/access-points/111122223333/reports.json");
    assert!(std::fs::read_to_string(&file).unwrap().contains(&alias));
    assert_eq!(gate.send(&put_policy(&read_by("{\"AWS\": \"444455556666\"}"))).status, 200);
    assert_eq!(gate.send(&ask("DELETE", ONE)).status, 204);
    assert!(!file.parent().unwrap().exists(), "its policy goes with it");
    let gone = gate.send(&ask("DELETE", ONE));
    gone.refused(404, "NoSuchAccessPoint");
    assert!(text(&gone).contains("<ErrorResponse><Error>"), "{gone:?}");
    assert_eq!(element(&gone, "AccessPointName"), "reports");
    let again = gate.send(&plain());
    assert!(again.status == 200 && element(&again, "Alias") != alias, "an alias is never given twice");
}

#[test]
fn an_access_point_is_made_once_whatever_is_asked_the_second_time() {
    let gate = gate(&[]);
    assert_eq!(gate.send(&plain()).status, 200);
    gate.send(&plain()).refused(409, "AccessPointAlreadyOwnedByYou");
    let other = create("<Bucket>bucket</Bucket><VpcConfiguration><VpcId>vpc-1a</VpcId></VpcConfiguration>");
    gate.send(&other).refused(409, "AccessPointAlreadyOwnedByYou");
    // Of another account it is another one.
    let theirs = create("<Bucket>bucket</Bucket><BucketAccountId>111122223333</BucketAccountId>");
    let theirs = Ask { headers: vec![("x-amz-account-id", "444455556666".to_owned())], ..theirs };
    let made = gate.send(&by(STRANGER, theirs));
    assert_eq!(element(&made, "AccessPointArn"), ARN.replace(OURS, "444455556666"), "{made:?}");
}

#[test]
fn what_an_access_point_can_not_be_is_refused_before_anything_is_written() {
    let gate = gate(&[("policies/buckets/theirs/settings.toml", "owner = \"444455556666\"\n")]);
    let refused = |inside: &str, status, code| gate.send(&create(inside)).refused(status, code);
    for bad in
        ["", "<Bucket></Bucket>", "<Bucket>bucket</Bucket><Name>x</Name>", "<Bucket>bucket</Bucket><Tags/><Tags/>"]
    {
        refused(bad, 400, "MalformedXML");
    }
    gate.send(&with("<CreateAccessPointRequest>", ask("PUT", ONE))).refused(400, "MalformedXML");
    gate.send(&with("<Other/>", ask("PUT", ONE))).refused(400, "MalformedXML");
    gate.send(&ask("PUT", ONE)).refused(400, "MissingRequestBodyError");
    refused("<Bucket>missing</Bucket>", 400, "InvalidRequest");
    refused("<Bucket>Not a bucket</Bucket>", 400, "InvalidRequest");
    refused("<Bucket>theirs</Bucket>", 400, "InvalidRequest");
    refused("<Bucket>bucket</Bucket><BucketAccountId>444455556666</BucketAccountId>", 400, "InvalidRequest");
    refused("<Bucket>bucket</Bucket><VpcConfiguration><VpcId>x</VpcId></VpcConfiguration>", 400, "InvalidRequest");
    refused("<Bucket>bucket</Bucket><Scope><Prefixes/></Scope>", 501, "NotImplemented");
    refused("<Bucket>bucket</Bucket><Tags><Tag><Key>a</Key></Tag></Tags>", 400, "MalformedXML");
    let tag = "<Tag><Key>aws:a</Key><Value>b</Value></Tag>";
    refused(&format!("<Bucket>bucket</Bucket><Tags>{tag}</Tags>"), 400, "InvalidTag");
    for (name, code) in [("ab", "InvalidURI"), ("under_score", "InvalidURI"), ("a.b.c", "InvalidRequest")] {
        let told = gate.send(&at(&format!("/v20180820/accesspoint/{name}"), plain()));
        told.refused(400, code);
        assert!(text(&told).contains("<ErrorResponse><Error>"), "{told:?}");
        assert_eq!(
            element(&told, "URI"),
            if code == "InvalidURI" { format!("accesspoint/{name}") } else { String::new() }
        );
    }
    gate.send(&at("/v20180820/accesspoint/abc-s3alias", plain())).refused(400, "InvalidRequest");
    gate.send(&by(NOBODY, plain())).refused(403, "AccessDenied");
    gate.send(&by(STRANGER, plain())).refused(403, "AccessDenied");
    assert!(!gate.folder.path().join("policies/access-points").exists());
    let list = gate.send(&ask("GET", "/v20180820/accesspoint"));
    assert!(text(&list).contains("<AccessPointList></AccessPointList>"), "{list:?}");
}

#[test]
fn an_access_point_and_a_bucket_never_have_one_host_name() {
    let gate = gate(&[]);
    assert_eq!(gate.send(&Ask::new("PUT", "/reports-111122223333")).status, 200);
    gate.send(&plain()).refused(400, "InvalidRequest");
    assert_eq!(gate.send(&Ask::new("DELETE", "/reports-111122223333")).status, 204);
    assert_eq!(gate.send(&plain()).status, 200);
    gate.send(&Ask::new("PUT", "/reports-111122223333")).refused(400, "InvalidBucketName");
    assert_eq!(gate.send(&Ask::new("PUT", "/reports-444455556666")).status, 200);
}

#[test]
fn block_public_access_of_an_access_point_is_what_was_said_at_its_making() {
    let gate = gate(&[]);
    let made = |name: &str, inside: &str| {
        let target = format!("/v20180820/accesspoint/{name}");
        let reply = gate.send(&at(&target, create(&format!("<Bucket>bucket</Bucket>{inside}"))));
        assert_eq!(reply.status, 200, "{reply:?}");
        let shown = gate.send(&ask("GET", &target));
        ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"]
            .map(|name| element(&shown, name) == "true")
    };
    assert_eq!(made("all", ""), [true; 4]);
    assert_eq!(made("none", "<PublicAccessBlockConfiguration/>"), [false; 4]);
    let some =
        "<PublicAccessBlockConfiguration><IgnorePublicAcls>true</IgnorePublicAcls></PublicAccessBlockConfiguration>";
    assert_eq!(made("some", some), [false, true, false, false]);
}

#[test]
fn access_points_are_listed_by_name_page_by_page() {
    let gate = gate(&[]);
    assert_eq!(gate.send(&Ask::new("PUT", "/second")).status, 200);
    for (name, bucket) in [("ccc", "bucket"), ("aaa", "bucket"), ("bbb", "second"), ("ddd", "bucket")] {
        let vpc = if name == "aaa" { "<VpcConfiguration><VpcId>vpc-1</VpcId></VpcConfiguration>" } else { "" };
        let ask = at(&format!("/v20180820/accesspoint/{name}"), create(&format!("<Bucket>{bucket}</Bucket>{vpc}")));
        assert_eq!(gate.send(&ask).status, 200);
    }
    let list = |query: &str| gate.send(&ask("GET", &format!("/v20180820/accesspoint?{query}")));
    let names = |reply: &Reply| -> Vec<String> {
        assert_eq!(reply.status, 200, "{reply:?}");
        text(reply).split("<Name>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned()).collect()
    };
    let all = list("");
    assert_eq!(names(&all), ["aaa", "bbb", "ccc", "ddd"]);
    assert!(text(&all).contains("<NetworkOrigin>VPC</NetworkOrigin><VpcConfiguration><VpcId>vpc-1</VpcId>"));
    assert!(!text(&all).contains("NextToken"));
    assert_eq!(names(&list("bucket=second")), ["bbb"]);
    assert_eq!(names(&list("bucket=bucket&dataSourceType=S3Bucket&maxResults=1000")), ["aaa", "ccc", "ddd"]);
    let first = list("bucket=bucket&maxResults=2");
    assert_eq!(names(&first), ["aaa", "ccc"]);
    let token = element(&first, "NextToken");
    let second = list(&format!("bucket=bucket&maxResults=2&nextToken={token}"));
    assert_eq!(names(&second), ["ddd"]);
    assert!(!text(&second).contains("NextToken"));
    list(&format!("maxResults=2&nextToken={token}")).refused(400, "InvalidArgument");
    list("nextToken=x").refused(400, "InvalidArgument");
    let none = list("maxResults=0");
    assert!(names(&none).is_empty() && !text(&none).contains("NextToken"), "{none:?}");
    for bad in ["maxResults=1001", "maxResults=-1", "maxResults=", "maxResults=x"] {
        list(bad).refused(400, "InvalidArgument");
    }
    list("dataSourceId=x").refused(501, "NotImplemented");
    list("dataSourceType=FSX").refused(501, "NotImplemented");
    list("marker=x").refused(501, "NotImplemented");
    gate.send(&by(NOBODY, ask("GET", "/v20180820/accesspoint"))).refused(403, "AccessDenied");
    let theirs = Ask::new("GET", "/v20180820/accesspoint").header("x-amz-account-id", "444455556666");
    assert!(names(&gate.send(&by(STRANGER, theirs))).is_empty());
}

#[test]
fn a_policy_of_an_access_point_is_kept_as_it_was_written_and_judged_before() {
    let gate = gate(&[]);
    let policy = format!("{ONE}/policy");
    let unknown = put_policy("{}");
    gate.send(&unknown).refused(404, "NoSuchAccessPoint");
    gate.send(&ask("GET", &policy)).refused(404, "NoSuchAccessPoint");
    gate.send(&ask("DELETE", &policy)).refused(404, "NoSuchAccessPoint");
    gate.send(&ask("GET", &format!("{ONE}/policyStatus"))).refused(404, "NoSuchAccessPoint");
    assert_eq!(gate.send(&plain()).status, 200);
    let none = gate.send(&ask("GET", &policy));
    none.refused(404, "NoSuchAccessPointPolicy");
    assert_eq!(element(&none, "AccessPointName"), "reports");
    gate.send(&ask("GET", &format!("{ONE}/policyStatus"))).refused(404, "NoSuchAccessPointPolicy");
    assert_eq!(gate.send(&ask("DELETE", &policy)).status, 204);
    let good = read_by("{\"AWS\": \"444455556666\"}").replace("/object/*", "/object/a&b<c/*");
    let stored = gate.send(&put_policy(&good));
    assert!(stored.status == 200 && stored.body.is_empty(), "{stored:?}");
    let told = gate.send(&ask("GET", &policy));
    assert!(text(&told).contains("/object/a&amp;b&lt;c/*") && text(&told).contains("&quot;Version&quot;"), "{told:?}");
    let status = gate.send(&ask("GET", &format!("{ONE}/policyStatus")));
    assert_eq!(element(&status, "IsPublic"), "false");
    for bad in [
        "{}",
        "[]",
        "",
        &good.replace(ARN, "arn:aws:s3:::bucket"),
        &good.replace("reports", "other"),
        &good.replace("444455556666", "111122223333:user/missing"),
        &good.replace("\"AWS\": \"444455556666\"", "\"AWS\": \"arn:aws:iam::111122223333:user/missing\""),
        &good.replace("s3:GetObject", "s3:ListBucket"),
        &good.replace("a&b", &"x".repeat(20_480)),
    ] {
        gate.send(&put_policy(bad)).refused(400, "MalformedPolicy");
    }
    gate.send(&with("<PutAccessPointPolicyRequest/>", ask("PUT", &policy))).refused(400, "MalformedXML");
    gate.send(&by(NOBODY, put_policy(&good))).refused(403, "AccessDenied");
    assert!(
        text(&gate.send(&ask("GET", &policy))).contains("/object/a&amp;b&lt;c/*"),
        "what is refused changes nothing"
    );
    assert_eq!(gate.send(&ask("DELETE", &policy)).status, 204);
    gate.send(&ask("GET", &policy)).refused(404, "NoSuchAccessPointPolicy");
}

#[test]
fn a_public_policy_is_refused_where_block_public_access_says_so_and_is_none_from_a_vpc() {
    let gate = gate(&[]);
    let public = read_by("\"*\"");
    assert_eq!(gate.send(&plain()).status, 200);
    let told = gate.send(&put_policy(&public));
    told.refused(403, "AccessDenied");
    assert!(text(&told).contains("BlockPublicPolicy setting in S3 Block Public Access"), "{told:?}");
    assert_eq!(gate.send(&ask("DELETE", ONE)).status, 204);
    let open = "<Bucket>bucket</Bucket><PublicAccessBlockConfiguration/>";
    assert_eq!(gate.send(&create(open)).status, 200);
    gate.send(&put_policy(&public)).refused(403, "AccessDenied"); // by the bucket's
    assert_eq!(gate.send(&Ask::new("DELETE", "/bucket?publicAccessBlock=")).status, 204);
    assert_eq!(gate.send(&put_policy(&public)).status, 200);
    let status = || element(&gate.send(&ask("GET", &format!("{ONE}/policyStatus"))), "IsPublic");
    assert_eq!(status(), "true");
    assert_eq!(gate.send(&ask("DELETE", ONE)).status, 204);
    let vpc = "<Bucket>bucket</Bucket><VpcConfiguration><VpcId>vpc-1</VpcId></VpcConfiguration>";
    assert_eq!(gate.send(&create(vpc)).status, 200);
    assert_eq!(gate.send(&put_policy(&public)).status, 200);
    assert_eq!(status(), "false");
}

#[test]
fn tags_are_added_replaced_and_removed_one_by_one() {
    let gate = gate(&[]);
    let (tags, list) = (tags(ARN), ask("GET", &tags(ARN)));
    let post = |pairs: &[(&str, &str)]| gate.send(&with(&tag(pairs), ask("POST", &tags)));
    post(&[("a", "b")]).refused(404, "NoSuchResource");
    gate.send(&list).refused(404, "NoSuchResource");
    gate.send(&ask("DELETE", &format!("{tags}?tagKeys=a"))).refused(404, "NoSuchResource");
    let made = create("<Bucket>bucket</Bucket><Tags><Tag><Key>team</Key><Value>red</Value></Tag></Tags>");
    assert_eq!(gate.send(&made).status, 200);
    let told = || element(&gate.send(&list), "Tags");
    let pair = |key: &str, value: &str| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>");
    assert_eq!(told(), pair("team", "red"));
    assert_eq!(post(&[("cost", "7"), ("team", "blue")]).status, 204);
    assert_eq!(told(), pair("team", "blue") + &pair("cost", "7"));
    post(&[("aws:x", "")]).refused(400, "InvalidTag");
    post(&[("a", "1"), ("a", "2")]).refused(400, "InvalidTag");
    post(&[("a", "\u{7f}")]).refused(400, "InvalidTag");
    let many: Vec<String> = (0..49).map(|at| format!("k{at}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|key| (key.as_str(), "")).collect();
    post(&many).refused(400, "InvalidTag");
    for bad in
        ["<TagResourceRequest/>", "<TagResourceRequest><Tags><Tag><Key>a</Key></Tag></Tags></TagResourceRequest>"]
    {
        gate.send(&with(bad, ask("POST", &tags))).refused(400, "MalformedXML");
    }
    assert_eq!(gate.send(&ask("DELETE", &format!("{tags}?tagKeys=absent&tagKeys=cost"))).status, 204);
    assert_eq!(told(), pair("team", "blue"));
    gate.send(&ask("DELETE", &tags)).refused(400, "InvalidArgument");
    gate.send(&ask("GET", &self::tags("arn:aws:s3:::bucket"))).refused(501, "NotImplemented");
    gate.send(&ask("GET", &self::tags(&ARN.replace(OURS, "444455556666")))).refused(404, "NoSuchResource");
}

#[test]
fn conditions_see_what_is_to_be_made_and_how_it_is_tagged() {
    let gate = gate(&[]);
    let team = "/v20180820/accesspoint/team-red";
    let vpc = "<VpcConfiguration><VpcId>vpc-1</VpcId></VpcConfiguration>";
    let tagged = |team: &str| format!("<Tags><Tag><Key>team</Key><Value>{team}</Value></Tag></Tags>");
    let make = |target: &str, inside: &str| {
        gate.send(&by(TAGGER, at(target, create(&format!("<Bucket>bucket</Bucket>{inside}")))))
    };
    make(team, "").refused(403, "AccessDenied");
    make(ONE, vpc).refused(403, "AccessDenied");
    make(team, &format!("{vpc}{}", tagged("blue"))).refused(403, "AccessDenied");
    assert_eq!(make(team, &format!("{vpc}{}", tagged("red"))).status, 200);
    let tags = tags("arn:aws:s3:us-east-1:111122223333:accesspoint/team-red");
    let post = |pairs: &[(&str, &str)]| gate.send(&by(TAGGER, with(&tag(pairs), ask("POST", &tags))));
    post(&[("team", "blue")]).refused(403, "AccessDenied");
    assert_eq!(post(&[("team", "red"), ("spare", "x")]).status, 204);
    let remove = |query: &str| gate.send(&by(TAGGER, ask("DELETE", &format!("{tags}?{query}"))));
    remove("tagKeys=spare&tagKeys=team").refused(403, "AccessDenied");
    assert_eq!(remove("tagKeys=spare").status, 204);
    gate.send(&by(TAGGER, ask("GET", &tags))).refused(403, "AccessDenied");
}

#[test]
fn what_is_not_here_of_s3_control_is_said_to_be_not_here() {
    let gate = gate(&[]);
    for target in ["accesspoint/reports/scope", "accesspointforobjectlambda/reports", "mrap/instances", "bucket/b"] {
        gate.send(&ask("GET", &format!("/v20180820/{target}"))).refused(501, "NotImplemented");
    }
    gate.send(&ask("POST", ONE)).refused(405, "MethodNotAllowed");
    gate.send(&ask("GET", ONE).header("x-amz-unheard-of", "1")).refused(501, "NotImplemented");
    gate.send(&Ask::new("GET", ONE).header("x-amz-account-id", "444455556666")).refused(403, "AccessDenied");
}

#[test]
fn an_access_point_of_the_folder_is_shown_alike_by_every_process() {
    let file = r#"{"Bucket": "bucket", "BucketAccountId": "111122223333", "CreationDate": "2026-03-02T10:20:30Z"}"#;
    let policy = read_by("{\"AWS\": \"444455556666\"}");
    let files = [
        ("policies/access-points/111122223333/reports.json", file),
        ("policies/access-points/111122223333/reports.policy.json", policy.as_str()),
    ];
    let store = Script::ok();
    let upstream = store.upstream("us-east-1");
    let gate = launch(&upstream, &files).unwrap_or_else(|told| panic!("{told}"));
    let shown = gate.send(&ask("GET", ONE));
    assert_eq!(element(&shown, "CreationDate"), "2026-03-02T10:20:30Z");
    let alias = element(&shown, "Alias");
    drop(gate);
    let again = launch(&upstream, &files).unwrap_or_else(|told| panic!("{told}"));
    assert_eq!(
        element(&again.send(&ask("GET", ONE)), "Alias"),
        alias,
        "replicas agree on what nobody has written down"
    );
    let told = again.send(&ask("GET", &format!("{ONE}/policy")));
    assert!(text(&told).contains("444455556666"), "{told:?}");
}

#[test]
fn what_is_wrong_before_a_request_is_understood_comes_in_the_envelope_of_s3_control() {
    let gate = gate(&[]);
    let account = Ask { host: "444455556666.localhost", ..ask("GET", ONE) }.wire();
    let account = String::from_utf8(account).unwrap();
    let twice = "GET /v20180820/accesspoint?X-Amz-Signature=0 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                 x-amz-account-id: 111122223333\r\nauthorization: AWS4-HMAC-SHA256 x\r\n\r\n";
    for sent in [account.as_str(), twice] {
        let reply = gate.send_raw(sent.as_bytes());
        let told = text(&reply);
        assert!(reply.status == 400 && told.contains("<ErrorResponse><Error><Code>Invalid"), "{told}");
    }
    let plain = gate.send_raw(twice.replace("x-amz-account-id", "x-account").as_bytes());
    assert!(text(&plain).contains("?>\n<Error><Code>InvalidArgument</Code>"), "{}", text(&plain));
}
