//! Contexts that are made at the edge of the application.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Actor, Context, IdempotencyKey, InvalidTenant, Shared, TenantId, TenantScope, TraceParent,
    message_id,
};

/// Contexts at the edge.
impl Context {
    /// A context for work of one tenant, with new correlation and message ids (uuid v7).
    ///
    /// # Errors
    ///
    /// [`InvalidTenant`] if `id` breaks the rules of [`TenantId`].
    pub fn for_tenant(id: impl AsRef<str>) -> Result<Self, InvalidTenant> {
        Ok(Self::new(TenantScope::Tenant(TenantId::new(id)?)))
    }

    /// A context for work of the product itself, across tenants. Use it only for such work.
    pub fn system() -> Self {
        Self::new(TenantScope::System)
    }

    /// A context for an already validated scope.
    pub fn new(tenant: TenantScope) -> Self {
        let message_id = message_id::new();
        let shared = Shared {
            tenant,
            tenant_key: OnceLock::new(),
            actor: None,
            organization: None,
            correlation_id: message_id,
            attributes: BTreeMap::new(),
        };
        Self {
            shared: Arc::new(shared),
            message_id,
            causation_id: None,
            causes: None,
            traceparent: None,
            deadline: None,
            idempotency_key: None,
            work: None,
        }
    }

    /// The same context, as part of the same work, for another tenant or for the system scope.
    pub fn with_tenant(mut self, tenant: TenantScope) -> Self {
        let shared = self.shared_mut();
        shared.tenant = tenant;
        shared.tenant_key = OnceLock::new();
        self
    }

    /// Says who acts.
    pub fn with_actor(mut self, actor: Actor) -> Self {
        self.shared_mut().actor = Some(actor);
        self
    }

    /// Says for which organization within the tenant.
    pub fn with_organization(mut self, id: impl fmt::Display) -> Self {
        self.shared_mut().organization = Some(id.to_string());
        self
    }

    /// Continues a correlation that began elsewhere, such as in the caller's `X-Correlation-Id`.
    pub fn with_correlation_id(mut self, id: Uuid) -> Self {
        self.shared_mut().correlation_id = id;
        self
    }

    /// Continues a distributed trace, such as that of the caller's `traceparent` header.
    pub fn with_traceparent(mut self, parent: TraceParent) -> Self {
        self.traceparent = Some(parent);
        self
    }

    /// Adds an attribute, or replaces the one with this key.
    ///
    /// # Errors
    ///
    /// [`AttributeError`] if key and value are longer than
    /// [`MAX_ATTRIBUTE_SIZE`](Self::MAX_ATTRIBUTE_SIZE), or the context has
    /// [`MAX_ATTRIBUTES`](Self::MAX_ATTRIBUTES) already.
    pub fn with_attribute(
        mut self,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, AttributeError> {
        let (key, value) = (key.into(), value.into());
        let (bytes, max) = (key.len() + value.len(), Self::MAX_ATTRIBUTE_SIZE);
        if bytes > max {
            return Err(AttributeError(format!(
                "an attribute has at most {max} bytes, this one has {bytes}; carry an identifier instead"
            )));
        }
        let attributes = &mut self.shared_mut().attributes;
        if attributes.len() >= Self::MAX_ATTRIBUTES && !attributes.contains_key(&key) {
            return Err(AttributeError(format!(
                "attribute `{key}` is one too many: a context carries at most {}",
                Self::MAX_ATTRIBUTES
            )));
        }
        attributes.insert(key, value);
        Ok(self)
    }

    /// Sets the time within which the work must be done; of two deadlines, the earlier counts. Commands and
    /// queries inherit it, events do not.
    pub fn with_timeout(self, timeout: Duration) -> Self {
        self.ends_after(Instant::now(), Some(timeout))
    }

    /// Says by which key this request is recognized if it is sent again. A command with `#[command(idempotent)]` that is
    /// executed with this context is executed once for each key: a second execution returns the output of the first one.
    ///
    /// The key counts for one command, tenant and actor. Commands without `idempotent` ignore it. What the command's
    /// handler publishes and executes does not inherit the key.
    ///
    /// ```
    /// use cqrs_core::Context;
    /// use cqrs_core::context::IdempotencyKey;
    ///
    /// let ctx = Context::for_tenant("acme")?.with_idempotency_key(IdempotencyKey::new("import-7")?);
    /// assert_eq!(ctx.idempotency_key().map(|key| key.as_str()), Some("import-7"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn with_idempotency_key(mut self, key: IdempotencyKey) -> Self {
        self.idempotency_key = Some(key);
        self
    }

    fn shared_mut(&mut self) -> &mut Shared {
        Arc::make_mut(&mut self.shared)
    }
}

/// A context attribute was refused. Attributes travel with every message, so they are limited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AttributeError(String);
