//! `AUTH_CLIENT`: is this credential this account's? (§4.3.1)

use yoshi_protocol::message::account::{AuthClient, Authenticated};
use yoshi_protocol::{Credential, Epoch, ErrorReply, Millis};

use super::Server;
use crate::store::query;
use crate::token;

/// The same answer, after the same work, for an unknown and a disabled account
/// and for a wrong credential.
pub(super) async fn serve(
    server: Server,
    _epoch: Epoch,
    request: AuthClient,
) -> Result<Authenticated, ErrorReply> {
    let AuthClient {
        account,
        credential,
    } = request;
    let valid = match credential {
        Credential::Token(token) => {
            let hash = token::hash(&token);
            query::token_holds(server.pool(), &account, hash, Millis::now()).await?
        }
        Credential::Password(password) => {
            let known = server.account(&account).await?;
            let hash = known
                .filter(|known| !known.disabled)
                .map(|known| known.password_hash);
            server.verify(&account, &password, hash).await?
        }
    };
    Ok(Authenticated { valid })
}
