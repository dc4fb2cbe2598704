//! The table of timeouts in `deploy/cluster/README.md` is what the servers' `--help` says.

use std::collections::BTreeMap;
use std::process::Command;

use yoshi_tests::place;

/// The servers, as the table calls them.
const SERVERS: [(&str, &str); 4] = [
    ("load-balancer", "load balancer"),
    ("message-server", "message"),
    ("registration-server", "registration"),
    ("web-client", "web-client"),
];
const UNITS: [&str; 4] = ["_SECONDS", "_MILLIS", "_HOURS", "_DAYS"];

/// By setting: its default, and whose it is.
type Timeouts = BTreeMap<String, (String, Vec<&'static str>)>;

fn from_help() -> Timeouts {
    let mut found = Timeouts::new();
    for (binary, server) in SERVERS {
        let help = Command::new(place::binary(binary))
            .arg("--help")
            .env_clear()
            .output();
        let help = String::from_utf8(help.unwrap().stdout).unwrap();
        let mut settings = help.split("[env: ").skip(1);
        let timeouts = settings.by_ref().filter_map(|text| {
            let (setting, rest) = text.split_once("=]")?;
            let default = rest.trim_start().strip_prefix("[default: ")?;
            let is_time = UNITS.iter().any(|unit| setting.ends_with(unit));
            is_time.then(|| (setting.to_owned(), default.split(']').next().unwrap()))
        });
        for (setting, default) in timeouts {
            let entry = found.entry(setting.clone());
            let (before, servers) = entry.or_insert_with(|| (default.to_owned(), Vec::new()));
            assert_eq!(before, default, "{setting} of {binary}");
            servers.push(server);
        }
    }
    found
}

fn from_table() -> Timeouts {
    let page = place::workspace().join("deploy/cluster/README.md");
    let page = std::fs::read_to_string(page).unwrap();
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `YOSHI_"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        let named: Vec<_> = cells[2].split(", ").collect();
        let all = named == ["all"];
        let servers = SERVERS.map(|(_, server)| server).into_iter();
        let servers = servers.filter(|server| all || named.contains(server));
        let setting = format!("YOSHI_{}", cells[0].trim_end_matches('`'));
        (setting, (cells[1].to_owned(), servers.collect()))
    })
    .collect()
}

#[test]
fn every_timeout_is_a_setting_that_the_page_for_operators_names() {
    let help = from_help();
    assert!(help.len() > 20, "{help:?}");
    assert_eq!(help, from_table());
}
