//! What the pages for administrators stand on: who is one, and the connection that
//! they ask the servers by. It is a NATS user of its own, which may list and set
//! accounts and ask servers how they stand, and can overhear nobody.

mod names;

use std::path::Path;

use tokio::sync::OnceCell;
use yoshi_client::{Operator, Options};
use yoshi_protocol::AccountName;

use crate::limit::ADMINISTRATION_CONNECT_WITHIN;
use names::Names;

pub(crate) use names::NamesError;

/// Who administers, and how the servers are asked.
#[derive(Debug)]
pub(crate) struct Administration {
    names: Names,
    options: Options,
    /// Made at the first use: the website serves everybody else without it.
    operator: OnceCell<Operator>,
}

/// The servers cannot be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreachable {
    /// NATS does not take the connection.
    #[error(transparent)]
    Refused(#[from] yoshi_client::Error),
    /// It took too long.
    #[error("NATS does not take a connection in time")]
    TimedOut,
}

impl Administration {
    /// # Errors
    /// [`NamesError`].
    pub(crate) fn new(names: &Path, options: Options) -> Result<Self, NamesError> {
        Ok(Self {
            names: Names::load(names)?,
            options,
            operator: OnceCell::new(),
        })
    }

    /// Whether an account is an administrator now.
    pub(crate) fn is_administrator(&self, account: &AccountName) -> bool {
        self.names.contains(account)
    }

    /// The connection.
    ///
    /// # Errors
    /// [`Unreachable`]; the next call tries again.
    pub(crate) async fn operator(&self) -> Result<&Operator, Unreachable> {
        let connect = async {
            // Large, and hardly ever needed.
            let connecting = Box::pin(Operator::connect(self.options.clone()));
            let connected = tokio::time::timeout(ADMINISTRATION_CONNECT_WITHIN, connecting).await;
            Ok(connected.map_err(|_| Unreachable::TimedOut)??)
        };
        self.operator.get_or_try_init(|| connect).await
    }
}
