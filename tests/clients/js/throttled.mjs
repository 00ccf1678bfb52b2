// One PutObject under a KMS key by the AWS SDK for JavaScript v3: throttled.mjs BUCKET KMS-KEY. Prints the name of its
// error and how often it has tried.
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";

const [bucket, key] = process.argv.slice(2);
const s3 = new S3Client({ forcePathStyle: true });
try {
  await s3.send(new PutObjectCommand({ Bucket: bucket, Key: "k", Body: "data", ServerSideEncryption: "aws:kms", SSEKMSKeyId: key }));
  console.log("done");
} catch (error) {
  console.log(error.name, error.$metadata.attempts);
}
