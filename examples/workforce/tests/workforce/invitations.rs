//! Invitations, and what their tokens are good for.

use serde_json::json;
use workforce::db::Db;

use crate::world::{Client, PASSWORD, Reply, Result, World};

impl World {
    /// The token in the last invitation to `email`.
    pub(crate) fn invitation(&self, email: &str) -> Result<String> {
        Ok(self.tokens(email)?.pop().ok_or("no invitation")?)
    }

    /// The tokens of all invitations to `email`.
    pub(crate) fn tokens(&self, email: &str) -> Result<Vec<String>> {
        let mails = self.invitations(email)?;
        let tokens = mails.iter().filter_map(|mail| mail.split_once("/join?token="));
        Ok(tokens.filter_map(|(_, rest)| rest.lines().next().map(str::to_owned)).collect())
    }

    /// The invitations to `email`, in the order in which they were asked for.
    pub(crate) fn invitations(&self, email: &str) -> Result<Vec<String>> {
        let mut mails = self.mails()?;
        mails.retain(|it| it.contains(&format!("<{email}>")) && it.contains("/join?token="));
        // The identifiers of messages grow.
        let id =
            |mail: &str| mail.lines().find(|it| it.starts_with("Message-ID")).map(str::to_owned);
        mails.sort_by_key(|mail| id(mail));
        Ok(mails)
    }

    /// Whoever was invited to `email` accepts.
    pub(crate) async fn accepted(&self, email: &str) -> Result<Client<'_>> {
        let accepted = self.accept(&self.invitation(email)?).await?;
        assert_eq!(accepted.status, 201, "{}", accepted.text);
        self.settled().await;
        self.signed_in(&accepted)
    }

    /// Somebody shows a token.
    pub(crate) async fn accept(&self, token: &str) -> Result<Reply> {
        let acceptance = json!({ "token": token, "password": PASSWORD });
        self.nobody().post("/api/invites/accept", &acceptance).await
    }

    /// Somebody of `acme` signs in.
    pub(crate) async fn sign_in(&self, email: &str) -> Result<Reply> {
        let credentials = json!({ "tenant": "acme", "email": email, "password": PASSWORD });
        self.nobody().post("/api/sessions", &credentials).await
    }

    /// Its database, for what nobody can do over HTTP.
    pub(crate) async fn change(&self, sql: &'static str) -> Result {
        let db = Db::open(&self.database).await?;
        assert!(db.execute(sql, Vec::new()).await? > 0, "nothing changed");
        db.close().await;
        Ok(())
    }
}
