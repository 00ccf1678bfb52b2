//! What PutBucketPolicy and PutAccessPointPolicy refuse beyond the language: S3's tests, in S3's order, in
//! S3's words (spec/policy-language.md 8).

use super::action::{Actions, ResourceKind};
use super::document::{Document, Element, Lines, Principal, ResourceEntry, Span, Statement, Who};
use super::lint;
use super::problem::{Problem, Rule, Severity};
use super::read::{self, Kind, Reading};
use crate::s3::{Code, Fault};

/// How long a bucket's or access point's policy may be once its white space is gone.
pub const SIZE_LIMIT: usize = 20_480;

/// What a policy is to be attached to.
#[derive(Clone, Copy, Debug)]
pub enum Target<'a> {
    /// A bucket.
    Bucket {
        /// The partition of its ARN: `aws`.
        partition: &'a str,
        /// Its name.
        name: &'a str,
    },
    /// An access point, by its ARN.
    AccessPoint {
        /// `arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME`
        arn: &'a str,
    },
}

/// Checks the body of a request that stores a policy. `exists` says whether a user, role or account that
/// the policy names is known; it is asked for nobody else.
///
/// # Errors
///
/// `MalformedPolicy` for what S3 would have found first, with what an operator should know in the private
/// detail.
pub fn check(body: &[u8], target: &Target<'_>, exists: &dyn Fn(&Principal) -> bool) -> Result<Document, Fault> {
    let (document, problems) = walk(body, target, exists);
    let refused = problems.iter().filter(|problem| problem.sentence().is_some());
    match (refused.min_by_key(|problem| (problem.rule, problem.span)), document) {
        (Some(problem), _) => Err(fault(problem, body)),
        (None, Some(document)) => Ok(document),
        // Nothing was read, and nothing said why: not a policy, whatever it is.
        (None, None) => Err(Fault::plain(Code::MalformedPolicy, Rule::Json.reason())),
    }
}

/// Checks a policy that stands in a file in the same way, and says everything that is wrong with it.
///
/// # Errors
///
/// Every problem, warnings included, in the order of the text; never empty.
pub fn read(text: &[u8], target: &Target<'_>, exists: &dyn Fn(&Principal) -> bool) -> Result<Reading, Vec<Problem>> {
    let (document, mut problems) = walk(text, target, exists);
    problems.sort_by_key(|problem| problem.span);
    // What S3 would not store is no warning, even where it could be decided on.
    problems.iter_mut().filter(|problem| problem.sentence().is_some()).for_each(|it| it.severity = Severity::Error);
    match document {
        Some(document) if problems.iter().all(|problem| problem.severity == Severity::Warning) => {
            Ok(Reading { document, warnings: problems })
        }
        _ => Err(problems),
    }
}

fn walk(body: &[u8], target: &Target<'_>, exists: &dyn Fn(&Principal) -> bool) -> (Option<Document>, Vec<Problem>) {
    if body.first() != Some(&b'{') {
        let message = "the document does not begin with `{`";
        return (None, vec![Problem::error(Rule::FirstByte, Span::new(0, 1), message).help("begin with `{`")]);
    }
    let (document, mut problems) = read::walk(body, Kind::Resource, SIZE_LIMIT);
    for statement in document.iter().flat_map(|document| &document.statements) {
        statement_problems(statement, target, exists, &mut problems);
    }
    (document, problems)
}

fn fault(problem: &Problem, body: &[u8]) -> Fault {
    let sentence = problem.sentence().unwrap_or(Code::MalformedPolicy.message().into());
    let (line, column) = Lines::of(body).place(problem.span);
    let help = problem.help.as_deref().map(|help| format!("; {help}")).unwrap_or_default();
    let fault = Fault::new(Code::MalformedPolicy, problem.rule.reason(), sentence)
        .detail(format!("line {line}, column {column}: {}{help}", problem.message));
    match problem.detail() {
        Some(detail) => fault.with("Detail", detail),
        None => fault,
    }
}

fn statement_problems(
    statement: &Statement,
    target: &Target<'_>,
    exists: &dyn Fn(&Principal) -> bool,
    problems: &mut Vec<Problem>,
) {
    for principal in statement.principal.iter().flat_map(|element| &element.entries) {
        let kind = match &principal.who {
            Who::Account(_) | Who::Root(_) | Who::User(_) | Who::Role(_) => "AWS",
            Who::Canonical(_) => "CanonicalUser",
            _ => continue,
        };
        if !exists(principal) {
            let message = format!("`{}` does not exist", principal.text);
            let problem = Problem::error(Rule::Principal, principal.span, message);
            let problem = problem.help("declare it in credentials.toml, or name somebody who is there");
            problems.push(problem.detailed(read::detail(kind, &principal.text)));
        }
    }
    for entry in statement.action.entries.iter().filter(|entry| entry.known.is_empty()) {
        let problem = Problem::error(Rule::Action, entry.span, format!("`{}` matches no action of S3", entry.text));
        problems.push(problem.help(lint::meant(&entry.text)).detailed(entry.text.as_str()));
    }
    if let Some(resource) = &statement.resource {
        resource_problems(statement, resource, target, problems);
    }
    problems.extend(lint::keys(statement, true));
}

fn resource_problems(
    statement: &Statement,
    resource: &Element<ResourceEntry>,
    target: &Target<'_>,
    problems: &mut Vec<Problem>,
) {
    for entry in resource.entries.iter().filter(|entry| target.kind(&entry.text).is_none()) {
        let message = format!("`{}` is not {} and not in it", entry.text, target.arn());
        let problem = Problem::error(Rule::Resource, entry.span, message).help(target.resources());
        problems.push(problem.detailed(entry.text.as_str()));
    }
    if resource.negated || statement.action.negated {
        return;
    }
    let kinds: Vec<ResourceKind> = resource.entries.iter().filter_map(|entry| target.kind(&entry.text)).collect();
    // What is no action at all has been told.
    for entry in statement.action.entries.iter().filter(|entry| !entry.known.is_empty()) {
        let applies = entry.known.iter().any(|action| action.resources().iter().any(|kind| kinds.contains(kind)));
        if !applies {
            let detail = format!("Action \"{}\" in Statement \"{}\"", entry.text, statement.name());
            let message = format!("`{}` acts on nothing that the statement's resources name", entry.text);
            let problem = Problem::error(Rule::ActionResource, entry.span, message).help(target.wanted(entry.known));
            problems.push(problem.detailed(detail));
        }
    }
}

impl Target<'_> {
    fn arn(&self) -> String {
        match self {
            Self::Bucket { partition, name } => format!("arn:{partition}:s3:::{name}"),
            Self::AccessPoint { arn } => (*arn).to_owned(),
        }
    }

    /// The ARN of everything in it.
    fn all_in_it(&self) -> String {
        match self {
            Self::Bucket { .. } => format!("{}/*", self.arn()),
            Self::AccessPoint { .. } => format!("{}/object/*", self.arn()),
        }
    }

    /// What its policy may be about.
    fn resources(&self) -> String {
        let what = match self {
            Self::Bucket { .. } => "the bucket",
            Self::AccessPoint { .. } => "the access point",
        };
        format!("write `{}` for {what}, `{}` for its objects", self.arn(), self.all_in_it())
    }

    /// The resource that actions lack which act on nothing of their statement.
    fn wanted(&self, actions: Actions) -> String {
        let (whole, inside) = self.kinds();
        let act_on = |kind| actions.iter().any(|action| action.resources().contains(&kind));
        match (act_on(whole), act_on(inside)) {
            (_, true) => format!("add `{}` to the statement's resources", self.all_in_it()),
            (true, false) => format!("add `{}` to the statement's resources", self.arn()),
            (false, false) => "write it into a policy of `identities/`: it is about nothing in here".to_owned(),
        }
    }

    fn kinds(&self) -> (ResourceKind, ResourceKind) {
        match self {
            Self::Bucket { .. } => (ResourceKind::Bucket, ResourceKind::Object),
            Self::AccessPoint { .. } => (ResourceKind::AccessPoint, ResourceKind::AccessPointObject),
        }
    }

    /// What a resource of the policy is; `None` if it is neither the target nor in it. Text is compared, so
    /// a wildcard counts behind the slash only.
    fn kind(&self, resource: &str) -> Option<ResourceKind> {
        let own = self.arn();
        let (whole, inside) = self.kinds();
        let below = if matches!(self, Self::Bucket { .. }) { "/" } else { "/object/" };
        let rest = resource.strip_prefix(&own)?;
        match rest {
            "" => Some(whole),
            rest => rest.starts_with(below).then_some(inside),
        }
    }
}

#[cfg(test)]
mod tests;
