//! The counts of a sweep.

use std::fmt;

/// What was counted, in the order of counting, and what is wrong.
#[derive(Debug, Default)]
pub(crate) struct Report {
    counts: Vec<(String, u64)>,
    wrong: Vec<String>,
}

impl Report {
    /// Counts `count` more of `what`.
    pub(crate) fn add(&mut self, what: &str, count: usize) {
        let count = count as u64;
        match self.counts.iter_mut().find(|(known, _)| known == what) {
            Some((_, sum)) => *sum += count,
            None => self.counts.push((what.to_owned(), count)),
        }
    }

    /// Counts what must not happen.
    pub(crate) fn wrong(&mut self, what: &str, examples: &[impl fmt::Debug]) {
        self.add(what, examples.len());
        if !examples.is_empty() {
            let first: Vec<_> = examples.iter().take(5).collect();
            self.wrong.push(format!("{what}: {}, such as {first:?}", examples.len()));
        }
    }

    pub(crate) fn count(&self, what: &str) -> u64 {
        self.counts.iter().find(|(known, _)| known == what).map_or(0, |(_, count)| *count)
    }

    pub(crate) fn is_right(&self) -> bool {
        self.wrong.is_empty()
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (what, count) in other.counts {
            self.add(&what, usize::try_from(count).unwrap_or(usize::MAX));
        }
        self.wrong.extend(other.wrong);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, count) in &self.counts {
            writeln!(f, "{count:>10}  {what}")?;
        }
        for wrong in &self.wrong {
            writeln!(f, "WRONG: {wrong}")?;
        }
        Ok(())
    }
}
