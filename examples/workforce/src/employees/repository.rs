//! Employees in the database.

use cqrs_core::prelude::*;

use super::Employee;
use crate::db::{Db, DbError, Tx, params};
use crate::paging::{Page, PageRequest};

#[derive(Injectable)]
pub(super) struct EmployeeRepository {
    pub(super) db: Db,
}

impl EmployeeRepository {
    /// `false` if another employee has this e-mail address.
    pub(super) async fn insert(
        tx: &mut Tx,
        ctx: &Context,
        employee: &Employee,
    ) -> Result<bool, DbError> {
        let inserted = tx
            .execute(
                "INSERT INTO employees
                 (tenant, id, organization_id, user_id, full_name, email, title, status, created_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, email) DO NOTHING",
                params![
                    ctx.tenant(),
                    employee.id,
                    employee.organization_id,
                    employee.user_id,
                    &employee.full_name,
                    &employee.email,
                    &employee.title,
                    employee.status.as_str(),
                    employee.created_at,
                ],
            )
            .await?;
        Ok(inserted == 1)
    }

    pub(super) async fn update(
        tx: &mut Tx,
        ctx: &Context,
        employee: &Employee,
    ) -> Result<(), DbError> {
        tx.execute(
            "UPDATE employees SET user_id = ?, full_name = ?, email = ?, title = ?, status = ?
             WHERE tenant = ? AND id = ?",
            params![
                employee.user_id,
                &employee.full_name,
                &employee.email,
                &employee.title,
                employee.status.as_str(),
                ctx.tenant(),
                employee.id,
            ],
        )
        .await?;
        Ok(())
    }

    pub(super) async fn find(&self, ctx: &Context, id: Uuid) -> Result<Option<Employee>, DbError> {
        let row = self
            .db
            .row("SELECT * FROM employees WHERE tenant = ? AND id = ?", params![ctx.tenant(), id])
            .await?;
        row.as_ref().map(Employee::from_row).transpose()
    }

    pub(super) async fn find_by_email(
        &self,
        ctx: &Context,
        email: &str,
    ) -> Result<Option<Employee>, DbError> {
        let sql = "SELECT * FROM employees WHERE tenant = ? AND email = ?";
        let row = self.db.row(sql, params![ctx.tenant(), email]).await?;
        row.as_ref().map(Employee::from_row).transpose()
    }

    pub(super) async fn find_by_user(
        &self,
        ctx: &Context,
        user_id: Uuid,
    ) -> Result<Option<Employee>, DbError> {
        let sql = "SELECT * FROM employees WHERE tenant = ? AND user_id = ?";
        let row = self.db.row(sql, params![ctx.tenant(), user_id]).await?;
        row.as_ref().map(Employee::from_row).transpose()
    }

    /// As [`find`](Self::find), and nobody else changes it until the transaction ends.
    pub(super) async fn lock(
        tx: &mut Tx,
        ctx: &Context,
        id: Uuid,
    ) -> Result<Option<Employee>, DbError> {
        let row = tx
            .lock("SELECT * FROM employees WHERE tenant = ? AND id = ?", params![ctx.tenant(), id])
            .await?;
        row.as_ref().map(Employee::from_row).transpose()
    }

    /// Whether this user is an employee already.
    pub(super) async fn is_employed(
        tx: &mut Tx,
        ctx: &Context,
        user_id: Uuid,
    ) -> Result<bool, DbError> {
        let sql = "SELECT id FROM employees WHERE tenant = ? AND user_id = ?";
        Ok(tx.row(sql, params![ctx.tenant(), user_id]).await?.is_some())
    }

    pub(super) async fn list(
        &self,
        ctx: &Context,
        page: &PageRequest,
    ) -> Result<Page<Employee>, DbError> {
        let rows = self
            .db
            .rows(
                "SELECT * FROM employees WHERE tenant = ? AND id < ? ORDER BY id DESC LIMIT ?",
                params![ctx.tenant(), page.after(), page.rows()],
            )
            .await?;
        let employees = rows.iter().map(Employee::from_row).collect::<Result<_, _>>()?;
        Ok(page.page(employees, |employee: &Employee| employee.id))
    }
}
