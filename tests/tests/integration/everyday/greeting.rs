//! `deploy/up` sends its greeting once per data directory, however often it starts
//! something there.

use std::fs;
use std::process::Command;

use yoshi_tests::place;
use yoshi_tests::scratch::Scratch;

use super::shell::run;

/// Stands for `yoshi`: it notes what it was asked to do.
const STAND_IN: &str = "#!/bin/sh
printf '%s\\n' \"$1\" >>\"$ASKED\"
[ \"$1\" != send ] || printf '{\"outcome\": \"accounted\"}\\n'
";
const SCRIPT: &str = "set -euo pipefail
. deploy/lib/output.sh; . deploy/lib/paths.sh; . deploy/lib/servers.sh
RUN=$SCRATCH BIN=$SCRATCH
. deploy/lib/job.sh
: >\"$RUN/yoshi.env\"
main_job 9>/dev/null
";

#[tokio::test]
async fn it_is_sent_once_per_data_directory() {
    let scratch = Scratch::new("greeting");
    let asked = scratch.path().join("asked");
    let stand_in = scratch.path().join("yoshi");
    fs::create_dir(scratch.path().join("secrets")).unwrap();
    fs::write(&stand_in, STAND_IN).unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(&stand_in, executable).unwrap();
    let up = async || {
        let mut command = Command::new("bash");
        command
            .args(["-c", SCRIPT])
            .current_dir(place::workspace())
            .env("SCRATCH", scratch.path())
            .env("ASKED", &asked);
        let output = run(command).await;
        assert!(output.status.success(), "{output:?}");
        let lines = fs::read_to_string(&asked).unwrap();
        fs::remove_file(&asked).unwrap();
        lines.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(up().await, ["register", "register", "send", "inbox"]);
    assert_eq!(
        up().await,
        ["inbox"],
        "the servers are asked, and ben is not greeted again"
    );
}
