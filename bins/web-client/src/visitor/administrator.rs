//! Members who are administrators. To everybody else their pages do not exist.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;

use super::{Form, Member, MemberForm};
use crate::app::{App, Shared};
use crate::view::refusal::Refusal;

/// A member who is an administrator now.
pub(crate) struct Administrator(pub Member);

/// A form of an administrator.
pub(crate) struct AdministratorForm {
    pub member: Member,
    pub form: Form,
}

fn checked(app: &App, member: Member) -> Result<Member, Refusal> {
    match app.administers(&member.account) {
        true => Ok(member),
        false => Err(Refusal::not_found()),
    }
}

impl FromRequestParts<Shared> for Administrator {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Refusal> {
        let member = Member::from_request_parts(parts, app).await?;
        checked(app, member).map(Self)
    }
}

impl FromRequest<Shared> for AdministratorForm {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &Shared) -> Result<Self, Refusal> {
        let MemberForm { member, form } = MemberForm::from_request(request, app).await?;
        let member = checked(app, member)?;
        Ok(Self { member, form })
    }
}
