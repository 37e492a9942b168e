//! What was wrong with a form, said to people.

use axum::http::StatusCode;
use serde_json::Value;

use crate::http::Problem;
use crate::http::problem::ERRORS;

/// What a form calls its fields: each one's name and its label.
pub(super) type Labels = &'static [(&'static str, &'static str)];

/// A problem as a form says it: what is wrong with a field beside it, everything else above the form.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    status: StatusCode,
    above: Vec<String>,
    fields: Vec<(&'static str, String)>,
}

impl Refusal {
    pub(super) fn new(problem: &Problem, labels: Labels) -> Self {
        let (mut above, mut fields) = (Vec::new(), Vec::new());
        problem.log();
        let errors = problem.member(ERRORS).and_then(Value::as_array);
        for error in errors.into_iter().flatten() {
            let (field, reason) = (error["field"].as_str(), error["reason"].as_str());
            let (field, reason) = (field.unwrap_or_default(), reason.unwrap_or_default());
            match labels.iter().find(|(name, _)| *name == field) {
                Some((name, label)) => {
                    fields.push((*name, sentence(&format!("{label} {reason}"))));
                }
                None => above.push(sentence(&format!("{field} {reason}"))),
            }
        }
        if !fields.is_empty() {
            above.insert(0, "Nothing was saved yet: look at the fields below.".to_owned());
        } else if above.is_empty() {
            above.push(sentence(problem.detail()));
        }
        Self { status: problem.status(), above, fields }
    }

    /// 401: whoever has sent a form is not signed in any more.
    pub(super) fn session_ended() -> Self {
        let text = "Your session has ended, and what you have sent was not saved. Sign in, and send it again.";
        Self { status: StatusCode::UNAUTHORIZED, above: vec![text.to_owned()], fields: Vec::new() }
    }

    /// 200 where nothing is wrong.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn above(&self) -> &[String] {
        &self.above
    }

    /// What is wrong with this field.
    pub(super) fn of(&self, field: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        fields.find(|(name, _)| *name == field).map(|(_, sentence)| sentence.as_str())
    }
}

/// Begins with a capital letter and ends with a full stop; what is marked as code for programs is not.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars().filter(|letter| *letter != '`');
    let mut sentence: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    sentence.extend(letters);
    if !sentence.ends_with('.') {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Failure;
    use crate::fields::FieldError;

    #[test]
    fn what_is_wrong_is_said_beside_its_field_and_nothing_is_left_out() {
        let error = |field, reason: &str| FieldError { field, reason: reason.to_owned() };
        let errors = vec![error("email", "is no `address`"), error("after", "is of another list")];
        let refusal = Refusal::new(&Failure::Invalid(errors).into(), &[("email", "E-mail")]);
        assert_eq!(refusal.of("email"), Some("E-mail is no address."));
        assert_eq!(refusal.above().last().map(String::as_str), Some("After is of another list."));
        assert_eq!(refusal.status(), StatusCode::UNPROCESSABLE_ENTITY);

        let refusal = Refusal::new(&Failure::Conflict("it is taken".to_owned()).into(), &[]);
        assert_eq!(refusal.above(), ["It is taken."]);
    }
}
