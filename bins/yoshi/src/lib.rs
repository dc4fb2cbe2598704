//! The command line of Yoshi: one file per group of commands.
//!
//! What each command prints for people and for programs is in `output`; how it
//! ends is in `exit`; where its settings come from is in `settings`.

mod account;
mod arguments;
mod decode;
mod exit;
mod inbox;
mod operate;
mod output;
mod provision;
mod secret;
mod send;
mod session;
mod settings;

use std::process::ExitCode;

pub use arguments::Arguments;
use arguments::Command;
use exit::{Exit, Failure};
use settings::Settings;

/// Runs one command, reports on standard error why it failed, if it did, and
/// says how the process is to end.
pub fn run(arguments: Arguments) -> ExitCode {
    let json = arguments.common.json;
    arguments.common.color.write_global();
    let outcome = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::local("starting", &error))
        .and_then(|runtime| {
            let outcome = runtime.block_on(command(arguments));
            // A prompt or a read of standard input may hang in the background.
            runtime.shutdown_background();
            outcome
        });
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            failure.report(json);
            failure.exit().into()
        }
    }
}

async fn command(arguments: Arguments) -> Result<Exit, Failure> {
    let Arguments { common, command } = arguments;
    match command {
        Command::Decode(arguments) => decode::decode(&arguments),
        Command::Provision(arguments) => {
            provision::provision(&Settings::find(common)?, &arguments).await
        }
        Command::Register(who) => account::register(&Settings::find(common)?.of(who)).await,
        Command::Login(who) => account::log_in(&Settings::find(common)?.of(who)).await,
        Command::Logout(who) => account::log_out(&Settings::find(common)?.of(who)).await,
        Command::Passwd(who) => account::change_password(&Settings::find(common)?.of(who)).await,
        Command::Send(arguments) => send::send(&Settings::find(common)?, *arguments).await,
        Command::Inbox(arguments) => inbox::inbox(&Settings::find(common)?, &arguments).await,
        Command::Sent(arguments) => inbox::sent(&Settings::find(common)?, &arguments).await,
        Command::Show(arguments) => inbox::show(&Settings::find(common)?, &arguments).await,
        Command::Servers => operate::servers(&Settings::find(common)?).await,
        Command::Accounts(arguments) => {
            operate::accounts(&Settings::find(common)?, arguments).await
        }
        Command::DestroyServer(arguments) => {
            operate::destroy_server(&Settings::find(common)?, &arguments).await
        }
    }
}
