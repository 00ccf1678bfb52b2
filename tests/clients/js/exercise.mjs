// The AWS SDK for JavaScript v3 through one bucket, alias or ARN: exercise.mjs BUCKET [host] [without-checksums]
// `host`: the bucket goes in front of the endpoint's host, as the SDK has it by itself; there is no other way for an ARN.
// Settings come from the environment, as an application's would. The last line is JSON: addresses it has presigned.
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import {
  CopyObjectCommand, DeleteObjectsCommand, GetObjectCommand, HeadObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const [bucket, ...words] = process.argv.slice(2);
// Otherwise the bucket stays in the path: no resolver is asked for names under the endpoint's host.
const settings = { forcePathStyle: !words.includes("host") };
const algorithms = words.includes("without-checksums") ? [] : ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"];
const s3 = new S3Client(settings);
const digest = (data) => createHash("sha256").update(data).digest("hex");
const bytes = (size, seed) => Buffer.alloc(size, createHash("sha512").update(String(seed)).digest());

function same(left, right, what) {
  if (digest(left) !== digest(right)) throw new Error(`${what}: other bytes came back`);
}

async function back(key, client = s3) {
  const got = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key, ChecksumMode: "ENABLED" }));
  return { body: Buffer.from(await got.Body.transformToByteArray()), got };
}

async function refused(promise, code) {
  try {
    await promise;
  } catch (error) {
    if (error.name === code) return;
    throw error;
  }
  throw new Error(`${code} was expected`);
}

const small = bytes(1024, 1);
await s3.send(new PutObjectCommand({ Bucket: bucket, Key: "js/small ü+1.bin", Body: small, Metadata: { colour: "blue" } }));
const read = await back("js/small ü+1.bin");
same(read.body, small, "small");
if (read.got.Metadata.colour !== "blue") throw new Error("metadata");

// A stream without a length goes up in parts.
const large = bytes(17 * 1024 * 1024, 2);
await new Upload({ client: s3, params: { Bucket: bucket, Key: "js/large", Body: Readable.from([large.subarray(0, 7_000_001), large.subarray(7_000_001)]) } }).done();
same((await back("js/large")).body, large, "large");

const source = bucket.startsWith("arn:") ? `${bucket}/object/js/large` : `${bucket}/js/large`;
await s3.send(new CopyObjectCommand({ Bucket: bucket, Key: "js/copied", CopySource: source }));
same((await back("js/copied")).body, large, "copied");

for (const algorithm of algorithms) {
  const key = `js/${algorithm}`;
  const put = await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: small, ChecksumAlgorithm: algorithm }));
  const head = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key, ChecksumMode: "ENABLED" }));
  const member = `Checksum${algorithm}`;
  if (!put[member] || head[member] !== put[member]) throw new Error(`${member}: ${put[member]} and ${head[member]}`);
}
const bare = new S3Client({ ...settings, requestChecksumCalculation: "WHEN_REQUIRED", responseChecksumValidation: "WHEN_REQUIRED" });
await bare.send(new PutObjectCommand({ Bucket: bucket, Key: "js/bare", Body: small }));
same((await back("js/bare", bare)).body, small, "bare");
await refused(s3.send(new PutObjectCommand({ Bucket: bucket, Key: "js/wrong", Body: small, ChecksumSHA256: createHash("sha256").update("x").digest("base64") })), "BadDigest");
await refused(s3.send(new GetObjectCommand({ Bucket: bucket, Key: "js/wrong" })), "NoSuchKey");

const listed = await s3.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: "js/" }));
const expected = 4 + algorithms.length;
if (listed.KeyCount !== expected) throw new Error(`${listed.KeyCount} keys are listed`);
const gone = await s3.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects: listed.Contents.map(({ Key }) => ({ Key })) } }));
if (gone.Deleted.length !== expected || gone.Errors) throw new Error("not all were deleted");

const put = await getSignedUrl(s3, new PutObjectCommand({ Bucket: bucket, Key: "js/presigned ü", ContentType: "text/x-js" }), { expiresIn: 60 });
const get = await getSignedUrl(s3, new GetObjectCommand({ Bucket: bucket, Key: "js/presigned ü" }), { expiresIn: 60 });
console.log(JSON.stringify({ put, get }));
