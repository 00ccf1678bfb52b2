//! The AWS SDK for Rust through one bucket, alias or ARN: `bartizan-client-test BUCKET [host] [without-checksums]`;
//! or one object under a KMS key: `bartizan-client-test BUCKET throttled KMS-KEY`.
//! `host`: the bucket goes in front of the endpoint's host, as the SDK has it by itself; there is no other way for
//! an ARN. Settings come from the environment, as an application's would. The last line is JSON: addresses it has
//! presigned.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier, ServerSideEncryption,
};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};

type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let bucket = std::env::args().nth(1).ok_or("which bucket?")?;
    let said = |word: &str| std::env::args().skip(2).any(|argument| argument == word);
    let client = client(said("host")).await?;
    if said("throttled") {
        return throttled(&client, &bucket, &std::env::args().nth(3).ok_or("which key?")?).await;
    }
    objects(&client, &bucket).await?;
    parts(&client, &bucket).await?;
    copies(&client, &bucket).await?;
    let algorithms: &[ChecksumAlgorithm] = if said("without-checksums") { &[] } else { &ALGORITHMS };
    checksums(&client, &bucket, algorithms).await?;
    sweep(&client, &bucket, 3 + algorithms.len()).await?;
    let soon = PresigningConfig::expires_in(Duration::from_secs(60))?;
    let put = client.put_object().bucket(&bucket).key("rust/presigned ü").presigned(soon.clone()).await?;
    let get = client.get_object().bucket(&bucket).key("rust/presigned ü").presigned(soon).await?;
    println!("{{\"put\": \"{}\", \"get\": \"{}\"}}", put.uri(), get.uri());
    Ok(())
}

/// The SDK reads endpoint, region and keys by itself, but no AWS_CA_BUNDLE.
async fn client(as_host: bool) -> Result<Client, Failure> {
    let authority = std::fs::read(std::env::var("AWS_CA_BUNDLE")?)?;
    let trusted = TrustStore::empty().with_pem_certificate(authority);
    let http = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(TlsContext::builder().with_trust_store(trusted).build()?)
        .build_https();
    let settings = aws_config::from_env().http_client(http).load().await;
    // Otherwise the bucket stays in the path: no resolver is asked for names under the endpoint's host.
    Ok(Client::from_conf(aws_sdk_s3::config::Builder::from(&settings).force_path_style(!as_host).build()))
}

/// One object under a KMS key, as often as the SDK tries by itself; prints the code of its error.
async fn throttled(client: &Client, bucket: &str, key: &str) -> Result<(), Failure> {
    let put = client.put_object().bucket(bucket).key("k").body(ByteStream::from_static(b"data"));
    let sent = put.server_side_encryption(ServerSideEncryption::AwsKms).ssekms_key_id(key).send().await;
    println!("{}", sent.err().and_then(|error| error.code().map(str::to_owned)).unwrap_or_else(|| "done".to_owned()));
    Ok(())
}

fn bytes(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(size).collect()
}

fn must(holds: bool, what: &str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(what.into()) }
}

async fn back(client: &Client, bucket: &str, key: &str) -> Result<Vec<u8>, Failure> {
    let got = client.get_object().bucket(bucket).key(key).checksum_mode(ChecksumMode::Enabled).send().await?;
    Ok(got.body.collect().await?.to_vec())
}

async fn objects(client: &Client, bucket: &str) -> Result<(), Failure> {
    let data = bytes(1024, 1);
    let put = client.put_object().bucket(bucket).key("rust/small ü+1.bin").metadata("colour", "blue");
    put.body(ByteStream::from(data.clone())).send().await?;
    must(back(client, bucket, "rust/small ü+1.bin").await? == data, "other bytes came back")?;
    let head = client.head_object().bucket(bucket).key("rust/small ü+1.bin").send().await?;
    must(head.metadata().and_then(|all| all.get("colour")).is_some_and(|value| value == "blue"), "metadata")?;
    let missing = client.get_object().bucket(bucket).key("rust/none").send().await;
    must(missing.is_err_and(|error| error.code() == Some("NoSuchKey")), "NoSuchKey was expected")
}

async fn parts(client: &Client, bucket: &str) -> Result<(), Failure> {
    let key = "rust/large";
    let upload = client.create_multipart_upload().bucket(bucket).key(key).send().await?;
    let id = upload.upload_id().ok_or("no upload id")?;
    let data = bytes(11 << 20, 2);
    let mut completed = CompletedMultipartUpload::builder();
    for (number, piece) in (1..).zip(data.chunks(5 << 20)) {
        let part = client.upload_part().bucket(bucket).key(key).upload_id(id).part_number(number);
        let part = part.body(ByteStream::from(piece.to_vec())).send().await?;
        let part = CompletedPart::builder()
            .part_number(number)
            .set_e_tag(part.e_tag)
            .set_checksum_crc32(part.checksum_crc32)
            .build();
        completed = completed.parts(part);
    }
    let complete = client.complete_multipart_upload().bucket(bucket).key(key).upload_id(id);
    complete.multipart_upload(completed.build()).send().await?;
    must(back(client, bucket, key).await? == data, "other bytes came back from parts")
}

async fn copies(client: &Client, bucket: &str) -> Result<(), Failure> {
    let object = if bucket.starts_with("arn:") { "/object" } else { "" };
    let copy =
        client.copy_object().bucket(bucket).key("rust/copied").copy_source(format!("{bucket}{object}/rust/large"));
    copy.send().await?;
    must(back(client, bucket, "rust/copied").await? == bytes(11 << 20, 2), "other bytes came back from a copy")
}

const ALGORITHMS: [ChecksumAlgorithm; 5] = [
    ChecksumAlgorithm::Crc32,
    ChecksumAlgorithm::Crc32C,
    ChecksumAlgorithm::Crc64Nvme,
    ChecksumAlgorithm::Sha1,
    ChecksumAlgorithm::Sha256,
];

async fn checksums(client: &Client, bucket: &str, algorithms: &[ChecksumAlgorithm]) -> Result<(), Failure> {
    let data = bytes(5000, 3);
    for algorithm in algorithms {
        let key = format!("rust/{algorithm}");
        let put = client.put_object().bucket(bucket).key(&key).checksum_algorithm(algorithm.clone());
        put.body(ByteStream::from(data.clone())).send().await?;
        // The SDK checks what it reads against the stored checksum.
        must(back(client, bucket, &key).await? == data, &key)?;
    }
    let wrong = client.put_object().bucket(bucket).key("rust/wrong").checksum_sha256("A".repeat(43) + "=");
    let wrong = wrong.body(ByteStream::from(data)).send().await;
    must(wrong.is_err_and(|error| error.code() == Some("BadDigest")), "BadDigest was expected")?;
    let stored = client.get_object().bucket(bucket).key("rust/wrong").send().await;
    must(stored.is_err_and(|error| error.code() == Some("NoSuchKey")), "a wrong body was stored")
}

async fn sweep(client: &Client, bucket: &str, expected: usize) -> Result<(), Failure> {
    let listed = client.list_objects_v2().bucket(bucket).prefix("rust/").send().await?;
    must(listed.contents().len() == expected, "not all keys are listed")?;
    let keys = listed.contents().iter().filter_map(|object| object.key());
    let keys: Result<Vec<_>, _> = keys.map(|key| ObjectIdentifier::builder().key(key).build()).collect();
    let delete = Delete::builder().set_objects(Some(keys?)).build()?;
    let gone = client.delete_objects().bucket(bucket).delete(delete).send().await?;
    must(gone.deleted().len() == expected && gone.errors().is_empty(), "not all were deleted")
}
