//! Why an application cannot be built.

use std::fmt;

use super::Problem;

/// Everything that is wired wrongly, in one report.
///
/// Its text lists all problems; [`problems`](Self::problems) gives them one by one.
#[derive(Clone)]
pub struct BuildError {
    problems: Vec<Problem>,
}

impl BuildError {
    /// `problems` is not empty.
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// The problems, at least one.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.len() {
            1 => write!(f, "the application is wired wrongly:")?,
            count => write!(f, "the application is wired wrongly in {count} places:")?,
        }
        for (number, problem) in (1..).zip(&self.problems) {
            let text = problem.to_string().replace('\n', "\n     ");
            write!(f, "\n{number:3}. {text}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for BuildError {
    /// The same text, since that is what `main` and `unwrap` print.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for BuildError {}
