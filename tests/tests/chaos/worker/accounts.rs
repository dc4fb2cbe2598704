//! Accounts that are created, get other passwords, and log in.

use rand::RngExt;
use yoshi_client::Error;
use yoshi_protocol::{AccountName, Password};
use yoshi_tests::person::fresh_name;

use super::{Created, Worker, outcome_of};
use crate::history::{Call, Outcome};

/// Accounts that a worker has in hand at once.
const CREATED_MAX: usize = 8;

impl Created {
    pub(super) fn secret(&self) -> Password {
        Password::new(self.password.clone())
    }
}

impl Worker {
    pub(super) async fn create(&mut self) {
        let label = self.fresh();
        let name = fresh_name(&label);
        let password = format!("password {label}");
        let call = Call::Create {
            account: name.to_string(),
            password: password.clone(),
        };
        let ticket = self.shared.history.invoke(self.process, call);
        let secret = Password::new(password.clone());
        let outcome = done(self.client.create_account(&name, &secret).await);
        // One of an unknown outcome is not used again.
        if outcome == Outcome::Done {
            self.created.push(Created {
                name,
                password,
                doubtful: Vec::new(),
            });
            if self.created.len() > CREATED_MAX {
                self.created.remove(0);
            }
        }
        self.shared.history.end(ticket, outcome);
    }

    pub(super) async fn change_password(&mut self) {
        let Some(index) = self.any_created() else {
            return;
        };
        let new = format!("password {}", self.fresh());
        let account = &self.created[index];
        if !account.doubtful.is_empty() {
            return;
        }
        let call = Call::ChangePassword {
            account: account.name.to_string(),
            old: account.password.clone(),
            new: new.clone(),
        };
        let ticket = self.shared.history.invoke(self.process, call);
        let secret = account.secret();
        let new_secret = Password::new(new.clone());
        let changed = self
            .client
            .change_password(&account.name, &secret, &new_secret);
        let outcome = done(changed.await);
        let account = &mut self.created[index];
        match &outcome {
            Outcome::Done => account.password = new,
            Outcome::Fail { .. } => {}
            _ => account.doubtful.push(new),
        }
        self.shared.history.end(ticket, outcome);
    }

    pub(super) async fn log_in(&mut self) {
        let Some(index) = self.any_created() else {
            return;
        };
        let account = &self.created[index];
        let choice = self.random.random_range(0..=account.doubtful.len());
        let password = account.doubtful.get(choice).unwrap_or(&account.password);
        let (name, password) = (account.name.clone(), password.clone());
        self.log_in_with(&name, password).await;
    }

    async fn log_in_with(&self, name: &AccountName, password: String) {
        let call = Call::LogIn {
            account: name.to_string(),
            password: password.clone(),
        };
        let ticket = self.shared.history.invoke(self.process, call);
        let logged_in = self.client.log_in(name, &Password::new(password)).await;
        self.shared.history.end(ticket, done(logged_in));
    }

    fn any_created(&mut self) -> Option<usize> {
        let count = self.created.len();
        (count > 0).then(|| self.random.random_range(0..count))
    }
}

/// The outcome of a call whose result is of no interest.
pub(crate) fn done<T>(result: Result<T, Error>) -> Outcome {
    match result {
        Ok(_) => Outcome::Done,
        Err(error) => outcome_of(&error),
    }
}
