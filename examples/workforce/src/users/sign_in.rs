//! Signing in.

use std::fmt;

use cqrs_core::prelude::*;

use super::attempts::Attempts;
use super::repository::UserRepository;
use super::{Passwords, Sessions, Token, User};
use crate::failure::Failure;
use crate::fields::MAX_PASSWORD;

/// Opens a session for whoever knows the password.
#[derive(Clone, Command)]
#[command(output = SignedIn, error = Failure)]
pub struct SignIn {
    /// The user's e-mail address.
    pub email: String,
    /// Their password.
    pub password: String,
}

/// A session.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// What every request shows from now on.
    pub token: Token,
    /// Who signed in.
    pub user: User,
}

#[command_handler(SignIn)]
struct SignInHandler {
    users: Arc<UserRepository>,
    passwords: Arc<Passwords>,
    sessions: Arc<Sessions>,
    #[inject(default)]
    attempts: Attempts,
}

impl CommandHandler<SignIn> for SignInHandler {
    async fn execute(&self, command: SignIn, ctx: &Context) -> Result<SignedIn, Failure> {
        let email = command.email.trim().to_ascii_lowercase();
        let wrong = || Failure::Unauthorized("tenant, e-mail or password is wrong".to_owned());
        let can_be_one = email.parse::<lettre::Address>().is_ok() && email.len() <= 254;
        if !can_be_one || command.password.len() > MAX_PASSWORD {
            return Err(wrong());
        }
        let place = self.passwords.place()?;
        let account = format!("{} {email}", ctx.tenant());
        self.attempts.count(&account)?;

        let (user, stored) = self.users.find_to_sign_in(ctx, &email).await?.unzip();
        let is_right = self.passwords.verify(command.password, stored, place).await?;
        let user = user.filter(|_| is_right).ok_or_else(wrong)?;
        self.attempts.forget(&account);
        let token = self.sessions.open(ctx, &user).await?;
        Ok(SignedIn { token, user })
    }
}

/// Ends the session with this token, if there is one.
#[derive(Debug, Clone, Command)]
#[command(error = Failure)]
pub struct SignOut {
    /// The session's token.
    pub token: Token,
}

#[command_handler(SignOut)]
struct SignOutHandler {
    sessions: Arc<Sessions>,
}

impl CommandHandler<SignOut> for SignOutHandler {
    async fn execute(&self, command: SignOut, _: &Context) -> Result<(), Failure> {
        Ok(self.sessions.close(&command.token).await?)
    }
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn").finish_non_exhaustive()
    }
}
