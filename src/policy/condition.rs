//! Whether a clause holds (spec/policy-language.md 5).
//!
//! [`Condition::holds`] and [`Condition::explain`] are one walk: the second only writes down what the
//! first compares.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::context::{Context, Values};
use super::document::{Condition, Operand, Operator, Quantifier, Value};
use super::pattern::Verdict;
use super::value::{Instant, address};

/// Why a clause holds or does not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explanation {
    /// Whether the clause holds.
    pub holds: bool,
    /// What decided it.
    pub cause: Cause,
    /// What was compared, up to what decided. Values are the request's own: for the operator only.
    pub comparisons: Vec<Comparison>,
}

/// What decided a clause.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause {
    /// The key is absent, which is decided by the operator's form alone.
    Absent,
    /// `Null`: whether the key is there.
    Presence,
    /// Not exactly one value, and no quantifier says what that means.
    NotOneValue,
    /// The values of the key.
    Values,
}

/// One value of the request beside one operand.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Comparison {
    /// The request's value.
    pub value: String,
    /// Which operand, from 0.
    pub operand: usize,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of comparing a value with an operand.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// They match.
    Match,
    /// They do not.
    Differ,
    /// A variable in the operand has no value in this request.
    NoValue,
    /// The operand is malformed and matches nothing.
    MalformedOperand,
    /// The request's value is not of the operator's type.
    UnreadableValue,
}

impl Condition {
    /// Whether the clause holds.
    pub fn holds(&self, context: &dyn Context) -> bool {
        self.judge(context, &mut |_, _, _| {}).0
    }

    /// Whether the clause holds, and why.
    pub fn explain(&self, context: &dyn Context) -> Explanation {
        let mut comparisons = Vec::new();
        let (holds, cause) = self.judge(context, &mut |value, operand, outcome| {
            comparisons.push(Comparison { value: value.to_owned(), operand, outcome });
        });
        Explanation { holds, cause, comparisons }
    }

    /// The table of spec/policy-language.md 5.1.
    fn judge(&self, context: &dyn Context, seen: &mut dyn FnMut(&str, usize, Outcome)) -> (bool, Cause) {
        let values = context.values(&self.key.asked);
        if self.operator == Operator::Null {
            let absent = values.is_none();
            let holds = self.operands.iter().any(|operand| operand.value == Value::Absent(absent));
            return (holds, Cause::Presence);
        }
        let Some(values) = values else {
            let holds = self.if_exists
                || match self.quantifier {
                    Some(Quantifier::All) => true,
                    Some(Quantifier::Any) => false,
                    None => self.operator.negated(),
                };
            return (holds, Cause::Absent);
        };
        let mut passes = |value: &str| {
            let mut operands = self.operands.iter().enumerate();
            let some = operands.any(|(place, operand)| {
                let outcome = compare(self.operator, operand, value, context);
                seen(value, place, outcome);
                outcome == Outcome::Match
            });
            some != self.operator.negated()
        };
        match (self.quantifier, values) {
            (Some(Quantifier::All), values) => (values.iter().all(passes), Cause::Values),
            (Some(Quantifier::Any), values) => (values.iter().any(passes), Cause::Values),
            (None, Values::One(value)) => (passes(value), Cause::Values),
            (None, Values::Many([value])) => (passes(value), Cause::Values),
            (None, Values::Many(_)) => (false, Cause::NotOneValue),
        }
    }
}

/// Compares one value with one operand as the positive form of the operator does.
fn compare(operator: Operator, operand: &Operand, value: &str, context: &dyn Context) -> Outcome {
    use Operator as Op;
    match &operand.value {
        Value::Malformed => Outcome::MalformedOperand,
        Value::Absent(_) => Outcome::Differ,
        Value::Text(pattern) => match operator {
            Op::Bool if !is_bool(value) => Outcome::UnreadableValue,
            Op::Bool | Op::StringEqualsIgnoreCase | Op::StringNotEqualsIgnoreCase => {
                pattern.same_but_case(value, context).into()
            }
            _ => pattern.matches(value, context).into(),
        },
        Value::Arn(shape) => shape.matches(value, context).into(),
        Value::Number(number) => ordered(operator, number.compared(value)),
        Value::Date(date) => ordered(operator, Instant::parse(value).map(|value| value.cmp(date))),
        Value::Binary(octets) => matched(STANDARD.decode(value).ok().map(|value| value == *octets)),
        Value::Address(block) => matched(address(value).map(|address| block.contains(address))),
    }
}

/// The words of `Bool`.
fn is_bool(text: &str) -> bool {
    text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false")
}

/// What an order means to an operator. A negated operator's positive form is equality.
fn ordered(operator: Operator, order: Option<std::cmp::Ordering>) -> Outcome {
    use Operator as Op;
    matched(order.map(|order| match operator {
        Op::NumericLessThan | Op::DateLessThan => order.is_lt(),
        Op::NumericLessThanEquals | Op::DateLessThanEquals => order.is_le(),
        Op::NumericGreaterThan | Op::DateGreaterThan => order.is_gt(),
        Op::NumericGreaterThanEquals | Op::DateGreaterThanEquals => order.is_ge(),
        _ => order.is_eq(),
    }))
}

/// An answer, or none where the value could not be read.
fn matched(answer: Option<bool>) -> Outcome {
    match answer {
        Some(true) => Outcome::Match,
        Some(false) => Outcome::Differ,
        None => Outcome::UnreadableValue,
    }
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Match => Self::Match,
            Verdict::Differ => Self::Differ,
            Verdict::NoValue => Self::NoValue,
        }
    }
}

#[cfg(test)]
mod tests;
