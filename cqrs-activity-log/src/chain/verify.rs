//! Verification: recomputes the chain and finds the first inconsistency.

use cqrs_core::Context;

use super::{Head, Tampered, VerifyError};
use crate::content::tenant_column;
use crate::log::ActivityLog;
use crate::retention::announced_base;
use crate::store::{Database, Found, Hasher, Link, Row};

/// How many positions of a chain are read at a time.
const BATCH: u16 = 1000;

/// A chain is sound.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verification {
    /// The end up to which it was verified.
    pub head: Head,
    /// How many entries were verified.
    pub entries: u64,
    /// How many entries before them were removed by retention.
    pub pruned: u64,
}

impl ActivityLog {
    /// Reads all of the tenant's entries in the order of recording, and proves that they are what was recorded,
    /// completely and without additions. Entries that are recorded meanwhile are not verified. Needs little
    /// memory, however many entries there are.
    ///
    /// A beginning may be missing only if an entry of retention accounts for it, with the hash of an entry that
    /// was there. The end of the chain is the head in the database.
    ///
    /// An attacker who can write to the database can also write a new chain, or set the head back;
    /// [`verify_against`](Self::verify_against) finds that.
    ///
    /// # Errors
    ///
    /// [`VerifyError::Tampered`] with the first inconsistency, or an error of the database.
    pub async fn verify(&self, ctx: &Context) -> Result<Verification, VerifyError> {
        Verifier::new(self.database(), ctx, None).run().await
    }

    /// As [`verify`](Self::verify), and also proves that the chain is the one whose head was noted. So it also
    /// finds out if the end was cut off, or if the whole chain was rewritten.
    ///
    /// # Errors
    ///
    /// As [`verify`](Self::verify); [`VerifyError::HeadPruned`] if the chain says that retention has removed the
    /// entry of the noted head. The head then proves nothing.
    pub async fn verify_against(
        &self,
        ctx: &Context,
        noted: &Head,
    ) -> Result<Verification, VerifyError> {
        if noted.tenant != *ctx.tenant() {
            return Err(VerifyError::OtherTenant);
        }
        Verifier::new(self.database(), ctx, Some(noted)).run().await
    }
}

struct Verifier<'a> {
    database: &'a Database,
    ctx: &'a Context,
    noted: Option<&'a Head>,
    hasher: Hasher,
}

/// Why reading the chain ended early.
enum Interrupted {
    /// Entries were pruned meanwhile, so verification starts again.
    Pruned,
    Failed(VerifyError),
}

impl<E: Into<VerifyError>> From<E> for Interrupted {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl<'a> Verifier<'a> {
    fn new(database: &'a Database, ctx: &'a Context, noted: Option<&'a Head>) -> Self {
        Self { database, ctx, noted, hasher: Hasher::default() }
    }

    fn tenant(&self) -> &'a str {
        tenant_column(self.ctx.tenant())
    }

    async fn run(mut self) -> Result<Verification, VerifyError> {
        loop {
            match self.walk().await {
                Ok(verification) => return Ok(verification),
                Err(Interrupted::Failed(error)) => return Err(error),
                Err(Interrupted::Pruned) => {}
            }
        }
    }

    /// Verifies from the base to the current head.
    async fn walk(&mut self) -> Result<Verification, Interrupted> {
        let chain = self.database.chain(self.tenant()).await?;
        let (base, head) = (chain.base, chain.head);
        let (mut last, mut recorded_at) = (base, 0);
        let mut noted_found = self.noted_is(base) || self.noted_is(Link::ZERO);
        let mut is_accounted_for = base == Link::ZERO;
        while last.sequence < head.sequence {
            // One row more than positions, so that two rows with one sequence are found.
            let until = last.sequence.saturating_add(BATCH.into()).min(head.sequence);
            let range = (last.sequence, until);
            let rows = self.database.links(self.tenant(), range, u32::from(BATCH) + 1).await?;
            if rows.is_empty() {
                return Err(self.nothing_after(last, base, head).await?.into());
            }
            for (at, link) in rows.iter().enumerate() {
                let row = match self.check(last, link, rows.get(at + 1)) {
                    Ok(row) => row,
                    Err(tampered) => {
                        self.ensure_unpruned(base).await?;
                        return Err(tampered.into());
                    }
                };
                (last, recorded_at) = (Link::of(row), row.recorded_at);
                noted_found = noted_found || self.noted_is(last);
                is_accounted_for = is_accounted_for || self.announces(row, base).await?;
            }
        }
        if last != head || recorded_at != chain.head_recorded_at {
            return Err(Tampered::HeadMismatch { sequence: number(last.sequence) }.into());
        }
        self.nothing_else().await?;
        if !is_accounted_for {
            self.ensure_unpruned(base).await?;
            return Err(Tampered::BeginningCutOff { sequence: number(base.sequence) }.into());
        }
        self.compare(noted_found, base, head)?;
        Ok(Verification {
            head: Head {
                tenant: self.ctx.tenant().clone(),
                sequence: number(head.sequence),
                hash: head.hash,
            },
            entries: number(head.sequence - base.sequence),
            pruned: number(base.sequence),
        })
    }

    /// The row of `link`, if it is the entry after `last`.
    fn check<'l>(
        &mut self,
        last: Link,
        link: &'l Found,
        next: Option<&Found>,
    ) -> Result<&'l Row, Tampered> {
        let expected = last.sequence + 1;
        let (sequence, id) = (number(link.sequence), link.id);
        if link.sequence > expected {
            return Err(Tampered::Missing { sequence: number(expected) });
        }
        if link.sequence < expected {
            return Err(Tampered::Inserted { sequence, id });
        }
        let Some(row) = &link.row else { return Err(Tampered::Altered { sequence, id }) };
        if self.hasher.hash(&last.hash, row) == row.hash {
            return Ok(row);
        }
        match next.and_then(|next| next.row.as_ref()) {
            Some(next) if self.is_inserted(last, row, next) => {
                Err(Tampered::Inserted { sequence, id })
            }
            _ => Err(Tampered::Altered { sequence, id }),
        }
    }

    /// What it means that no row has one of the positions after `last`.
    async fn nothing_after(
        &self,
        last: Link,
        base: Link,
        head: Link,
    ) -> Result<Tampered, Interrupted> {
        let range = (last.sequence, head.sequence);
        let is_end = self.database.links(self.tenant(), range, 1).await?.is_empty();
        self.ensure_unpruned(base).await?;
        let sequence = number(last.sequence + 1);
        Ok(if is_end {
            Tampered::CutOff { sequence, head: number(head.sequence) }
        } else {
            Tampered::Missing { sequence }
        })
    }

    /// Whether `row` was inserted between `last` and `next`: `next` fits after `last`, and `row` does not fit after
    /// `next`, as it would if the two were only swapped.
    fn is_inserted(&mut self, last: Link, row: &Row, next: &Row) -> bool {
        let mut fits = |last: Link, row: &Row| {
            let sequence = last.sequence.saturating_add(1);
            self.hasher.hash(&last.hash, &Row { sequence, ..row.clone() }) == row.hash
        };
        let moved = Link { sequence: last.sequence + 1, hash: next.hash };
        fits(last, next) && !fits(moved, row)
    }

    /// Whether this entry of retention accounts for the base. Retention records it first, then removes a thousand
    /// entries at a time, and may be interrupted; so the entry may also name a later one than the base. It names
    /// an entry with its hash: the base, or one that is still there.
    async fn announces(&self, row: &Row, base: Link) -> Result<bool, VerifyError> {
        let Some(announced) = announced_base(row) else { return Ok(false) };
        if announced.sequence >= row.sequence || announced.sequence < base.sequence {
            return Ok(false);
        }
        if announced.sequence == base.sequence {
            return Ok(announced == base);
        }
        let found = self.database.link(self.tenant(), announced.sequence).await?;
        Ok(found == Some(announced))
    }

    /// Interrupts, if entries were pruned since `base` was read: then they are missing rightly.
    async fn ensure_unpruned(&self, base: Link) -> Result<(), Interrupted> {
        let chain = self.database.chain(self.tenant()).await?;
        if chain.base == base { Ok(()) } else { Err(Interrupted::Pruned) }
    }

    /// Checks that no row is before the base, after the head, or without a position.
    async fn nothing_else(&self) -> Result<(), VerifyError> {
        let (found, expected) = self.database.count(self.tenant()).await?;
        if found == expected {
            return Ok(());
        }
        Err(match self.database.stray(self.tenant()).await? {
            Some(stray) => Tampered::Inserted { sequence: number(stray.sequence), id: stray.id },
            None => Tampered::Miscounted { found: number(found), expected: number(expected) },
        }
        .into())
    }

    fn noted_is(&self, link: Link) -> bool {
        self.noted
            .is_some_and(|noted| noted.sequence == number(link.sequence) && noted.hash == link.hash)
    }

    fn compare(&self, found: bool, base: Link, head: Link) -> Result<(), VerifyError> {
        let Some(noted) = self.noted else { return Ok(()) };
        let (sequence, pruned) = (noted.sequence, number(base.sequence));
        if found {
            return Ok(());
        }
        if sequence < pruned {
            return Err(VerifyError::HeadPruned { sequence, pruned });
        }
        if sequence > number(head.sequence) {
            let first = number(head.sequence) + 1;
            return Err(Tampered::CutOff { sequence: first, head: sequence }.into());
        }
        Err(Tampered::Rewritten { sequence }.into())
    }
}

fn number(sequence: i64) -> u64 {
    u64::try_from(sequence).unwrap_or(0)
}
