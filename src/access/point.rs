//! Documents of S3 Control about access points (spec/access-points.md 7.1, 7.2, 7.4). The body has been
//! verified before it is read here.

use crate::policy::engine::public::Block;
use crate::s3::name::is_account;
use crate::s3::tags::Tags;
use crate::s3::xml::{self, Element};
use crate::s3::{Code, Fault};

/// What CreateAccessPoint asks for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NewPoint {
    /// The bucket, as sent.
    pub bucket: String,
    /// The account that owns it, if another than the caller's is said.
    pub bucket_account: Option<String>,
    /// The VPC that it is to be reached from alone, as sent.
    pub vpc: Option<String>,
    /// Its Block Public Access.
    pub block: Block,
    /// Its tags.
    pub tags: Tags,
}

impl NewPoint {
    /// Reads the document.
    ///
    /// # Errors
    /// `MalformedXML`; `NotImplemented` for kinds of access points that are not here.
    pub(super) fn parse(document: &[u8]) -> Result<Self, Fault> {
        let root = Element::parse(document, "CreateAccessPointRequest")?;
        if root.child("Scope")?.is_some() {
            let message = "Access points to directory buckets are not available here.";
            return Err(Fault::new(Code::NotImplemented, "access-point-scope", message));
        }
        root.only(&["Bucket", "BucketAccountId", "PublicAccessBlockConfiguration", "Tags", "VpcConfiguration"])?;
        let bucket = word(&root, "Bucket")?.ok_or_else(xml::malformed)?;
        let bucket_account = word(&root, "BucketAccountId")?;
        if bucket_account.as_deref().is_some_and(|account| !is_account(account)) {
            return Err(xml::malformed());
        }
        let vpc = match root.child("VpcConfiguration")? {
            None => None,
            Some(of) => {
                of.only(&["VpcId"])?;
                Some(word(of, "VpcId")?.ok_or_else(xml::malformed)?)
            }
        };
        // What is not said at all is on; what is said in part is off for the rest.
        let block = root.child("PublicAccessBlockConfiguration")?.map(read_block).transpose()?.unwrap_or(Block::ALL);
        let tags = root.child("Tags")?.map(xml::tag_set).transpose()?.unwrap_or_default();
        Ok(Self { bucket, bucket_account, vpc, block, tags })
    }
}

/// The four settings of Block Public Access in an element. What is not said is off.
///
/// # Errors
/// `MalformedXML`
pub fn read_block(element: &Element) -> Result<Block, Fault> {
    element.only(&["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"])?;
    let flag = |name| match element.text_of(name)?.map(str::trim) {
        Some("true" | "TRUE") => Ok(true),
        None | Some("false" | "FALSE") => Ok(false),
        Some(_) => Err(xml::malformed()),
    };
    Ok(Block {
        public_acls: flag("BlockPublicAcls")?,
        ignore_public_acls: flag("IgnorePublicAcls")?,
        public_policy: flag("BlockPublicPolicy")?,
        restrict_public_buckets: flag("RestrictPublicBuckets")?,
    })
}

/// The policy in the body of PutAccessPointPolicy, as it was written.
///
/// # Errors
/// `MalformedXML`
pub fn read_policy(document: &[u8]) -> Result<String, Fault> {
    let root = Element::parse(document, "PutAccessPointPolicyRequest")?;
    root.only(&["Policy"])?;
    root.text_of("Policy")?.map(str::to_owned).ok_or_else(xml::malformed)
}

/// The tags in the body of TagResource.
///
/// # Errors
/// `MalformedXML`
pub(super) fn read_tags(document: &[u8]) -> Result<Tags, Fault> {
    let root = Element::parse(document, "TagResourceRequest")?;
    root.only(&["Tags"])?;
    xml::tag_set(root.child("Tags")?.ok_or_else(xml::malformed)?)
}

/// The text of the only child of this name, if it says something.
fn word(of: &Element, name: &str) -> Result<Option<String>, Fault> {
    match of.text_of(name)?.map(str::trim) {
        Some("") => Err(xml::malformed()),
        text => Ok(text.map(str::to_owned)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(inside: &str) -> Result<NewPoint, Code> {
        let text = format!("<CreateAccessPointRequest>{inside}</CreateAccessPointRequest>");
        NewPoint::parse(text.as_bytes()).map_err(|fault| fault.code())
    }

    #[test]
    fn block_public_access_is_on_unless_something_is_said_of_it() {
        let block = |inside: &str| new(&format!("<Bucket>b</Bucket>{inside}")).unwrap().block;
        assert_eq!(block(""), Block::ALL);
        assert_eq!(block("<PublicAccessBlockConfiguration/>"), Block::default());
        let some = "<PublicAccessBlockConfiguration><BlockPublicPolicy>true</BlockPublicPolicy>\
                    </PublicAccessBlockConfiguration>";
        assert_eq!(block(some), Block { public_policy: true, ..Block::default() });
    }

    #[test]
    fn a_new_access_point_is_read_whole_or_refused() {
        let whole = "<Bucket>b</Bucket><BucketAccountId>444455556666</BucketAccountId><VpcConfiguration><VpcId>vpc-1\
                     </VpcId></VpcConfiguration><Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags>";
        let point = new(whole).unwrap();
        assert_eq!((point.bucket.as_str(), point.vpc.as_deref()), ("b", Some("vpc-1")));
        assert_eq!(point.bucket_account.as_deref(), Some("444455556666"));
        assert_eq!(point.tags, [("a".to_owned(), "b".to_owned())]);
        for bad in [
            "",
            "<Bucket/>",
            "<Bucket>b</Bucket><Bucket>c</Bucket>",
            "<Bucket>b</Bucket><Unknown/>",
            "<Bucket>b</Bucket><BucketAccountId>1</BucketAccountId>",
            "<Bucket>b</Bucket><BucketAccountId/>",
            "<Bucket>b</Bucket><VpcConfiguration/>",
            "<Bucket>b</Bucket><VpcConfiguration><VpcId/></VpcConfiguration>",
            "<Bucket>b</Bucket><Tags><Tag><Key>a</Key></Tag></Tags>",
            "<Bucket>b</Bucket><PublicAccessBlockConfiguration><BlockPublicPolicy>1</BlockPublicPolicy>\
             </PublicAccessBlockConfiguration>",
        ] {
            assert_eq!(new(bad), Err(Code::MalformedXML), "{bad}");
        }
        assert_eq!(new("<Bucket>b</Bucket><Scope/>"), Err(Code::NotImplemented));
    }

    #[test]
    fn a_policy_is_kept_as_it_was_written() {
        let read = |inside: &str| {
            read_policy(format!("<PutAccessPointPolicyRequest>{inside}</PutAccessPointPolicyRequest>").as_bytes())
        };
        assert_eq!(read("<Policy>{&quot;a&quot;: &lt;1&gt; }</Policy>").unwrap(), "{\"a\": <1> }");
        assert_eq!(read("<Policy><![CDATA[{\"a\"}]]></Policy>").unwrap(), "{\"a\"}");
        for bad in ["", "<Policy>{}</Policy><Policy>{}</Policy>", "<Policy><x/></Policy>", "<Policy>{}</Policy><x/>"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
