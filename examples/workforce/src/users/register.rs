//! Registration of a tenant.

use std::fmt;

use cqrs_core::prelude::*;

use super::registrations::Registrations;
use super::repository::UserRepository;
use super::session::acting;
use super::{Passwords, Sessions, SignedIn, User, UserRegistered};
use crate::access::Role;
use crate::db::now;
use crate::failure::Failure;
use crate::fields::Fields;

/// Registers the context's tenant, and who does so as its owner.
#[derive(Clone, Command)]
#[command(output = SignedIn, error = Failure)]
pub struct RegisterTenant {
    /// The company; its first organization is called the same. At most 200 characters.
    pub company: String,
    /// The owner's name; at most 200 characters.
    pub full_name: String,
    /// The owner's e-mail address.
    pub email: String,
    /// The owner's password, 8 characters to 256 bytes.
    pub password: String,
}

impl RegisterTenant {
    /// As it is stored.
    ///
    /// # Errors
    ///
    /// [`Failure::Invalid`] with everything that is wrong, also with the tenant's name.
    pub(crate) fn checked(self, tenant: &str) -> Result<Self, Failure> {
        let mut fields = Fields::default();
        if !is_tenant_name(tenant) {
            fields.add("tenant", "is not 2 to 40 lower-case letters, digits and inner dashes");
        }
        let company = fields.line("company", &self.company, User::MAX_NAME);
        let full_name = fields.line("full_name", &self.full_name, User::MAX_NAME);
        let email = fields.email("email", &self.email);
        fields.password("password", &self.password);
        fields.finish()?;
        Ok(Self { company, full_name, email, password: self.password })
    }
}

#[command_handler(RegisterTenant)]
struct RegisterTenantHandler {
    users: Arc<UserRepository>,
    passwords: Arc<Passwords>,
    sessions: Arc<Sessions>,
    #[inject(default)]
    registrations: Registrations,
    events: EventBus,
}

impl CommandHandler<RegisterTenant> for RegisterTenantHandler {
    async fn execute(&self, command: RegisterTenant, ctx: &Context) -> Result<SignedIn, Failure> {
        let command = command.checked(&ctx.tenant().to_string())?;
        let place = self.passwords.place()?;
        let is_taken =
            || Failure::Conflict("another company has registered this tenant".to_owned());
        if self.users.has_tenant(ctx).await? {
            return Err(is_taken());
        }
        self.registrations.count()?;
        let password_hash = self.passwords.hash(command.password, place).await?;
        let company = command.company;
        let user = User {
            id: Uuid::now_v7(),
            organization_id: None,
            full_name: command.full_name,
            email: command.email,
            role: Role::Owner,
            created_at: now(),
        };
        let mut tx = self.users.db.begin().await?;
        if !UserRepository::insert_tenant(&mut tx, ctx, &company).await? {
            return Err(is_taken());
        }
        UserRepository::insert(&mut tx, ctx, &user, password_hash).await?;
        tx.commit().await?;

        let event = UserRegistered { company: Some(company), ..UserRegistered::from(&user) };
        self.events.publish(&acting(ctx, &user), event).await?;
        let session = self.sessions.open(ctx, &user).await?;
        Ok(SignedIn { token: session, user })
    }
}

/// It stands in URLs, file names and tokens.
fn is_tenant_name(name: &str) -> bool {
    let is_inner = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
    (2..=40).contains(&name.len())
        && name.bytes().all(is_inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

impl From<&User> for UserRegistered {
    fn from(user: &User) -> Self {
        let User { id, full_name, email, .. } = user.clone();
        Self { user_id: id, full_name, email, company: None }
    }
}

impl fmt::Debug for RegisterTenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegisterTenant").field("company", &self.company).finish_non_exhaustive()
    }
}
