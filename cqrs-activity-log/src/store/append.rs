//! Adding to chains.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use uuid::Uuid;

use super::chain_locks::ChainPermit;
use super::row::{AHEAD, COLUMN_COUNT, COLUMNS, hash};
use super::sql::{Arg, Statement, padded, placeholders, present};
use super::transaction::Transaction;
use super::{Database, Hasher, Link, Row};
use crate::content::Content;
use crate::entry::{Entry, EntryHash};
use crate::error::RecordError;

/// How many rows one statement inserts: few sizes, so that the database keeps the statements prepared. 128 rows
/// bind 3,200 values; SQLite accepts 32,766, Postgres 65,535.
const CHUNKS: [usize; 3] = [128, 16, 1];

/// The end of a tenant's chain, where the next entry is added.
#[derive(Debug, Clone)]
struct End {
    link: Link,
    recorded_at: i64,
}

/// What is to be added, by tenant; sorted.
type ByTenant = BTreeMap<String, Vec<Content>>;

/// Which chains to lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chains {
    /// All, after waiting for the transactions that hold them.
    All,
    /// Those that no other transaction holds.
    Unlocked,
}

impl Database {
    /// Adds to the chains of their tenants what is not there yet, all or nothing, and returns what was added,
    /// tenant by tenant. An entry whose id is already there stays unchanged.
    pub(crate) async fn append(
        &self,
        contents: Vec<Content>,
        now: i64,
    ) -> Result<Vec<Entry>, RecordError> {
        let by_tenant = by_tenant(contents);
        let permit = self.acquire_chains(by_tenant.keys()).await?;
        let (entries, _) = self.add(by_tenant, permit, Chains::All, now).await?;
        Ok(entries)
    }

    /// As [`append`](Self::append), but skips chains that are locked, and returns what it skipped. In SQLite,
    /// it skips nothing.
    pub(crate) async fn append_unlocked(
        &self,
        contents: Vec<Content>,
        now: i64,
    ) -> Result<(Vec<Entry>, Vec<Content>), RecordError> {
        let by_tenant = by_tenant(contents);
        let (permit, unlocked, skipped) = match self.chain_locks() {
            Some(locks) => locks.acquire_unlocked(by_tenant),
            None => (ChainPermit::default(), by_tenant, ByTenant::new()),
        };
        let (entries, locked) = self.add(unlocked, permit, Chains::Unlocked, now).await?;
        Ok((entries, skipped.into_values().chain(locked.into_values()).flatten().collect()))
    }

    /// Adds, and returns what belongs to chains that are locked.
    async fn add(
        &self,
        by_tenant: ByTenant,
        permit: ChainPermit,
        chains: Chains,
        now: i64,
    ) -> Result<(Vec<Entry>, ByTenant), RecordError> {
        if by_tenant.is_empty() {
            return Ok((Vec::new(), by_tenant));
        }
        let (mut tx, mut ends) = self.lock(by_tenant.keys(), &permit, chains).await?;
        let (by_tenant, locked): (ByTenant, ByTenant) =
            by_tenant.into_iter().partition(|(tenant, _)| ends.contains_key(tenant));
        let known = tx.known(&by_tenant).await?;

        let mut rows = Vec::new();
        let mut hasher = Hasher::default();
        for (tenant, contents) in by_tenant {
            let Some(end) = ends.get_mut(&tenant) else {
                return Err(sqlx::Error::RowNotFound.into());
            };
            let mut seen = known.get(&tenant).cloned().unwrap_or_default();
            for content in contents {
                if seen.insert(content.id) {
                    let row = end.link(&mut hasher, content, now);
                    rows.push(row.ok_or_else(|| RecordError::Tampered { tenant: tenant.clone() })?);
                }
            }
        }
        let added: HashSet<_> = rows.iter().map(|row| &row.content.tenant).collect();
        ends.retain(|tenant, _| added.contains(tenant));
        tx.insert(&rows).await?;
        tx.move_heads(ends).await?;
        // Before the commit, so that an entry that could not be read back is not stored.
        let entries = rows.into_iter().map(Row::into_entry).collect::<Result<_, _>>();
        let entries = entries.map_err(|error| RecordError::Invalid(error.to_string()))?;
        tx.commit().await?;
        Ok((entries, locked))
    }

    /// Begins a transaction that has the chains of these tenants to itself. Tenants are sorted, so that two such
    /// transactions never wait for each other.
    async fn lock(
        &self,
        tenants: impl ExactSizeIterator<Item = &String> + Clone,
        permit: &ChainPermit,
        chains: Chains,
    ) -> sqlx::Result<(Transaction, HashMap<String, End>)> {
        let mut are_made = false;
        loop {
            let mut tx = self.begin(permit.clone()).await?;
            let heads = tx.lock_chains(tenants.clone(), chains).await?;
            if heads.len() == tenants.len() || (are_made && chains == Chains::Unlocked) {
                return Ok((tx, heads));
            }
            tx.roll_back().await?;
            // In a transaction of its own, so that it holds no lock while it waits for others that do the same.
            let mut tx = self.begin(permit.clone()).await?;
            tx.begin_chains(tenants.clone()).await?;
            tx.commit().await?;
            are_made = true;
        }
    }
}

fn by_tenant(contents: Vec<Content>) -> ByTenant {
    let mut by_tenant = ByTenant::new();
    for content in contents {
        by_tenant.entry(content.tenant.clone()).or_default().push(content);
    }
    by_tenant
}

impl Transaction {
    async fn lock_chains(
        &mut self,
        tenants: impl Iterator<Item = &String>,
        chains: Chains,
    ) -> sqlx::Result<HashMap<String, End>> {
        let tenants = padded(tenants.cloned().map(Arg::from).collect());
        let mut sql = format!(
            "SELECT tenant, head_sequence, head_hash, head_recorded_at FROM activity_chains \
             WHERE tenant IN {} ORDER BY tenant",
            placeholders(1, tenants.len()),
        );
        if self.is_shared() {
            sql.push_str(match chains {
                Chains::All => " FOR UPDATE",
                Chains::Unlocked => " FOR UPDATE SKIP LOCKED",
            });
        }
        let heads = self
            .fetch(Statement::new(sql, tenants), |row| {
                let link = Link { sequence: present(row.number(1)?)?, hash: hash(row, 2)? };
                let end = End { link, recorded_at: present(row.number(3)?)? };
                Ok((present(row.text(0)?)?, end))
            })
            .await?;
        Ok(heads.into_iter().collect())
    }

    /// Adds a row for each tenant without a chain.
    async fn begin_chains(
        &mut self,
        tenants: impl ExactSizeIterator<Item = &String>,
    ) -> sqlx::Result<()> {
        let wanted = tenants.len();
        let tenants = padded(tenants.cloned().map(Arg::from).collect());
        let sql = format!(
            "INSERT INTO activity_chains (tenant) SELECT DISTINCT column1 FROM (VALUES {}) AS wanted \
             WHERE NOT EXISTS (SELECT 1 FROM activity_chains WHERE tenant = column1) ORDER BY column1 \
             ON CONFLICT (tenant) DO NOTHING",
            placeholders(tenants.len(), 1),
        );
        self.execute(Statement::new(sql, tenants.clone())).await?;
        let sql = format!(
            "SELECT count(*) FROM activity_chains WHERE tenant IN {}",
            placeholders(1, tenants.len()),
        );
        let there = self.fetch(Statement::new(sql, tenants), |row| present(row.number(0)?)).await?;
        match there.first().map_or(0, |there| there.unsigned_abs()) {
            there if there == wanted as u64 => Ok(()),
            there => Err(self.not_written("activity_chains", there, wanted)),
        }
    }

    /// Which ids are there already, of those that may be.
    async fn known(
        &mut self,
        by_tenant: &ByTenant,
    ) -> sqlx::Result<HashMap<String, HashSet<Uuid>>> {
        let wanted = by_tenant.values().flatten().filter(|content| content.may_be_known);
        let wanted = wanted.map(|content| [content.tenant.clone().into(), content.id.into()]);
        let wanted: Vec<[Arg; 2]> = padded(wanted.collect());
        let mut known = HashMap::<_, HashSet<_>>::new();
        if wanted.is_empty() {
            return Ok(known);
        }
        let sql = format!(
            "SELECT entry.tenant, entry.id FROM (VALUES {}) AS wanted \
             CROSS JOIN activity_entries AS entry \
             WHERE entry.tenant = wanted.column1 AND entry.id = wanted.column2",
            placeholders(wanted.len(), 2),
        );
        let found = self
            .fetch(Statement::new(sql, wanted.into_iter().flatten().collect()), |row| {
                Ok((present(row.text(0)?)?, present(row.id(1)?)?))
            })
            .await?;
        for (tenant, id) in found {
            known.entry(tenant).or_default().insert(id);
        }
        Ok(known)
    }

    async fn insert(&mut self, rows: &[Row]) -> sqlx::Result<()> {
        let mut rows = rows;
        for size in CHUNKS {
            let mut chunks = rows.chunks_exact(size);
            for chunk in &mut chunks {
                let values = placeholders(size, COLUMN_COUNT);
                let sql = format!("INSERT INTO activity_entries ({COLUMNS}) VALUES {values}");
                let args = chunk.iter().cloned().flat_map(Row::into_args).collect();
                self.change("activity_entries", size, Statement::new(sql, args)).await?;
            }
            rows = chunks.remainder();
        }
        Ok(())
    }

    async fn move_heads(&mut self, heads: HashMap<String, End>) -> sqlx::Result<()> {
        let heads = heads.into_iter().map(|(tenant, End { link, recorded_at })| {
            let hash = Arg::Bytes(link.hash.0.to_vec());
            [tenant.into(), link.sequence.into(), hash, recorded_at.into()]
        });
        let heads: Vec<[Arg; 4]> = heads.collect();
        if heads.is_empty() {
            return Ok(());
        }
        let moved = heads.len();
        let heads = padded(heads);
        let sql = format!(
            "UPDATE activity_chains SET head_sequence = moved.column2, head_hash = moved.column3, \
             head_recorded_at = moved.column4 FROM (VALUES {}) AS moved \
             WHERE activity_chains.tenant = moved.column1",
            placeholders(heads.len(), 4),
        );
        let args = heads.into_iter().flatten().collect();
        self.change("activity_chains", moved, Statement::new(sql, args)).await
    }
}

impl End {
    /// The chain's next entry; `None`, if the head was altered so that no readable entry can follow it.
    fn link(&mut self, hasher: &mut Hasher, content: Content, now: i64) -> Option<Row> {
        // A later time is one of a wrong clock, or altered, and would make all later ones wrong.
        let is_trusted = self.recorded_at <= now.saturating_add(AHEAD);
        self.recorded_at = if is_trusted { self.recorded_at.max(now) } else { now };
        Timestamp::from_microsecond(self.recorded_at).ok()?;
        let mut row = Row {
            content,
            sequence: self.link.sequence.checked_add(1).filter(|&sequence| sequence > 0)?,
            recorded_at: self.recorded_at,
            hash: EntryHash::ZERO,
        };
        row.hash = hasher.hash(&self.link.hash, &row);
        self.link = Link::of(&row);
        Some(row)
    }
}
