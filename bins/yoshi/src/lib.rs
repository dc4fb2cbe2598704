//! The command line of Yoshi: one file per group of commands.
//!
//! What each command prints for people and for programs is in `output`; how it
//! ends is in `exit`; where its settings come from is in `settings`.

mod account;
mod answer;
mod arguments;
mod asker;
mod decode;
mod exit;
mod find;
mod history;
mod inbox;
mod operate;
mod output;
mod provision;
mod secret;
mod send;
mod session;
mod settings;
mod show;
mod who;

pub use operate::recovery;

use std::ffi::OsString;
use std::process::ExitCode;

use arguments::{Arguments, Command, Who};
use clap::Parser;
use exit::{Exit, Failure};
use settings::Settings;

/// Runs the command line of this process, reports on standard error why it
/// failed, if it did, and says how the process is to end.
pub fn run() -> ExitCode {
    let line: Vec<_> = std::env::args_os().collect();
    match Arguments::try_parse_from(&line) {
        Ok(arguments) => run_command(arguments),
        Err(error) => misread(&line, &error),
    }
}

/// Says why a command line is none; or prints its help, which is no failure.
fn misread(line: &[OsString], error: &clap::Error) -> ExitCode {
    let options = line.iter().take_while(|argument| *argument != "--");
    let json = options.skip(1).any(|argument| argument == "--json");
    if error.use_stderr() && json {
        let failure = Failure::misread(error);
        failure.report(json);
        return failure.exit().into();
    }
    // Where nothing can be written, nothing is left to be told.
    error.print().unwrap_or_default();
    if error.use_stderr() {
        Exit::Usage
    } else {
        Exit::Done
    }
    .into()
}

fn run_command(arguments: Arguments) -> ExitCode {
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
    let find = |connection| Settings::find(&common, connection);
    let find_for = |who: Who| -> Result<Settings, Failure> {
        Ok(find(who.connection)?.acting(who.acting).named(who.name))
    };
    match command {
        Command::Decode(arguments) => decode::decode(&arguments),
        Command::Provision(arguments) => {
            provision::provision(&find(arguments.connection.clone())?, &arguments).await
        }
        Command::Register(who) => account::register(&find_for(who)?).await,
        Command::Login(who) => account::log_in(&find_for(who)?).await,
        Command::Logout(who) => {
            let settings = find(who.connection)?.account(who.account);
            account::log_out(&settings.named(who.name)).await
        }
        Command::Passwd(who) => account::change_password(&find_for(who)?).await,
        Command::Send(arguments) => {
            let settings = find(arguments.connection.clone())?.acting(arguments.acting.clone());
            send::send(&settings, *arguments).await
        }
        Command::Inbox(arguments) => {
            let settings = find(arguments.connection.clone())?.acting(arguments.acting.clone());
            inbox::inbox(&settings, &arguments).await
        }
        Command::Sent(arguments) => {
            let settings = find(arguments.connection.clone())?.acting(arguments.acting.clone());
            inbox::sent(&settings, &arguments).await
        }
        Command::Find(arguments) => {
            let settings = find(arguments.connection.clone())?.acting(arguments.acting.clone());
            find::find(&settings, &arguments).await
        }
        Command::Show(arguments) => {
            let settings = find(arguments.connection)?.acting(arguments.acting);
            show::show(&settings, arguments.task).await
        }
        Command::History(arguments) => {
            let settings = find(arguments.connection)?.acting(arguments.acting);
            history::history(&settings, &arguments.task).await
        }
        Command::Answer(command) => {
            let target = command.target();
            let settings = find(target.connection.clone())?.acting(target.acting.clone());
            answer::answer(&settings, command).await
        }
        Command::Servers(arguments) => operate::servers(&find(arguments.connection)?).await,
        Command::Accounts(arguments) => {
            operate::accounts(&find(arguments.connection.clone())?, arguments).await
        }
        Command::DrainServer(arguments) => {
            operate::drain_server(&find(arguments.connection.clone())?, &arguments).await
        }
        Command::ResyncServer(arguments) => {
            operate::resync_server(&find(arguments.connection.clone())?, &arguments).await
        }
        Command::RecoverLog(arguments) => {
            operate::recover_log(&find(arguments.connection.clone())?, &arguments).await
        }
        Command::DestroyServer(arguments) => {
            operate::destroy_server(&find(arguments.connection.clone())?, &arguments).await
        }
    }
}
