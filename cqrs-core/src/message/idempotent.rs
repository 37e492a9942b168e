//! Commands that are executed once for each idempotency key.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Result;
use sha2::{Digest as _, Sha256};

use super::Command;
use crate::context::{Context, IdempotencyKey, TenantId};

/// How the executions of a command are recognized, and how its output is stored: the value of [`Command::IDEMPOTENT`].
/// `#[command(idempotent)]` makes it.
pub struct Idempotent<C: Command + ?Sized> {
    json: fn(&C) -> Result<String>,
    write: fn(&C::Output) -> Result<String>,
    read: fn(&str) -> Result<C::Output>,
}

impl<C: Command> Idempotent<C> {
    /// By the JSON of the command and of its output.
    pub const fn new() -> Self
    where
        C: Serialize,
        C::Output: StoredOutput,
    {
        Self { json: sorted_json, write: C::Output::write, read: C::Output::read }
    }

    /// What identifies the execution of `command` with this key and context.
    pub(crate) fn key(
        &self,
        command: &C,
        key: &IdempotencyKey,
        ctx: &Context,
    ) -> Result<ExecutionKey> {
        Ok(ExecutionKey {
            id: execution_id(C::NAME, key, ctx),
            // With the key, which is not stored, so that the content cannot be guessed from the hash.
            fingerprint: hash(&[key.as_str(), &(self.json)(command)?]),
            tenant: ctx.tenant_id().cloned(),
        })
    }

    pub(crate) fn write(&self, output: &C::Output) -> Result<String> {
        (self.write)(output)
    }

    pub(crate) fn read(&self, output: &str) -> Result<C::Output> {
        (self.read)(output)
    }
}

impl<C> Default for Idempotent<C>
where
    C: Command + Serialize,
    C::Output: StoredOutput,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Command + ?Sized> Clone for Idempotent<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: Command + ?Sized> Copy for Idempotent<C> {}

impl<C: Command + ?Sized> fmt::Debug for Idempotent<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Idempotent").finish_non_exhaustive()
    }
}

/// What the output of an idempotent command needs: serde's traits. Implemented automatically.
// Serde's traits are no bounds, because the compiler would report the absence of each.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored as the output of an `idempotent` command",
    label = "the output is stored, and read for a second request",
    note = "add `#[derive(Serialize, Deserialize)]` to `{Self}`, and let its fields own their data"
)]
pub trait StoredOutput: Sized {
    /// As JSON.
    ///
    /// # Errors
    ///
    /// If it has no JSON form.
    fn write(&self) -> Result<String>;

    /// From JSON.
    ///
    /// # Errors
    ///
    /// If the text has another form.
    fn read(json: &str) -> Result<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> StoredOutput for T {
    fn write(&self) -> Result<String> {
        serde_json::to_string(self)
    }

    fn read(json: &str) -> Result<Self> {
        serde_json::from_str(json)
    }
}

/// One execution of a command with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionKey {
    /// A hash of the key, the command's name, the tenant and the actor.
    pub id: [u8; 32],
    /// A hash of the command's content and the key.
    pub fingerprint: [u8; 32],
    /// The tenant; `None` in the system scope.
    pub tenant: Option<TenantId>,
}

/// What a store has of a command that was executed with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed {
    /// A hash of the command's content and the key.
    pub fingerprint: Vec<u8>,
    /// The command's output, as JSON.
    pub output: String,
}

/// Does not depend on the order of a map.
fn sorted_json<C: Serialize>(command: &C) -> Result<String> {
    let mut json = serde_json::to_value(command)?;
    json.sort_all_objects();
    Ok(json.to_string())
}

/// Also of the tenant and the actor, because clients choose keys without knowing each other.
fn execution_id(command: &str, key: &IdempotencyKey, ctx: &Context) -> [u8; 32] {
    let tenant = ctx.tenant_id().map_or("", TenantId::as_str);
    let actor = ctx.actor().into_iter().flat_map(|actor| [Some(actor), actor.principal()]);
    // Without names, which may change between two requests.
    let actor = actor.flatten().flat_map(|it| [it.kind().to_string(), it.id().to_owned()]);
    let actor: Vec<String> = actor.collect();
    let parts = [tenant, command, key.as_str()].into_iter().chain(actor.iter().map(|it| &**it));
    hash(&parts.collect::<Vec<_>>())
}

/// Each part is hashed with its length, so that `["ab", "c"]` and `["a", "bc"]` differ.
fn hash(parts: &[&str]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::context::{Actor, TenantScope};

    fn tenant(id: &str) -> Context {
        Context::new(TenantScope::Tenant(TenantId::new(id).unwrap()))
    }

    #[test]
    fn an_execution_is_that_of_a_key_a_command_a_tenant_and_an_actor() {
        let ada = Actor::user("ada");
        let acting = |actor: Actor| tenant("acme").with_actor(actor);
        let id = |command, key: &'static str, ctx: Context| {
            execution_id(command, &IdempotencyKey::new(key).unwrap(), &ctx)
        };
        let ids = [
            id("hire", "1", tenant("acme")),
            id("hire", "2", tenant("acme")),
            id("fire", "1", tenant("acme")),
            id("hire", "1", tenant("globex")),
            id("hire", "1", Context::system()),
            id("hire", "1", acting(ada.clone())),
            id("hire", "1", acting(Actor::employee("ada"))),
            id("hire", "1", acting(Actor::user("bob"))),
            id("hire", "1", acting(Actor::user("bob").on_behalf_of(ada.clone()))),
        ];
        for (number, one) in ids.iter().enumerate() {
            assert!(ids[..number].iter().all(|other| other != one), "{number}");
        }
        assert_eq!(id("hire", "1", acting(ada.named("Ada"))), ids[5]);
    }

    #[test]
    fn a_command_is_recognized_whatever_the_order_of_a_map() {
        let map = |keys: &[u32]| keys.iter().map(|key| (*key, *key)).collect::<HashMap<_, _>>();
        let all: Vec<u32> = (0..100).collect();
        let reversed: Vec<u32> = all.iter().rev().copied().collect();
        let first = sorted_json(&map(&all)).unwrap();
        assert_eq!(first, sorted_json(&map(&reversed)).unwrap());
        assert_ne!(first, sorted_json(&map(&all[1..])).unwrap());
    }
}
