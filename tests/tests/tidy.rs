//! The repository's own rules, held by a test.

use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 500;
const VAGUE_WORDS: [&str; 6] = ["manager", "helper", "util", "common", "processor", "misc"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .expect("the repository is there")
}

fn files_below(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        let name = path.file_name().expect("an entry has a name");
        let name = name.to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            files_below(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
}

fn files(extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["shared", "bins", "tests", "nats", "deploy"] {
        files_below(&root().join(folder), extension, &mut found);
    }
    assert!(
        !found.is_empty(),
        "no .{extension} file was found: the test looks in the wrong place"
    );
    found
}

fn no_complaints(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_file_says_what_lives_in_it_and_is_of_a_readable_size() {
    let mut complaints = Vec::new();
    for path in files("rs") {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.display();
        if !text.starts_with("//!") {
            complaints.push(format!("{name}: does not open with //!"));
        }
        if text.lines().count() > LINES_MAX {
            complaints.push(format!("{name}: longer than {LINES_MAX} lines"));
        }
        if path.ends_with("mod.rs") {
            complaints.push(format!("{name}: use name.rs beside name/"));
        }
        let stem = path.file_stem().unwrap().to_string_lossy();
        if VAGUE_WORDS.iter().any(|word| stem.contains(word)) {
            complaints.push(format!("{name}: a name that says nothing"));
        }
    }
    no_complaints(complaints);
}

#[test]
fn main_files_only_start_things() {
    let mains: Vec<_> = files("rs")
        .into_iter()
        .filter(|path| path.ends_with("src/main.rs"))
        .collect();
    assert!(mains.len() >= 5, "{mains:?}");
    let long = mains
        .iter()
        .filter(|path| fs::read_to_string(path).unwrap().lines().count() > 60);
    no_complaints(
        long.map(|path| format!("{}: longer than 60 lines", path.display()))
            .collect(),
    );
}

#[test]
fn sql_is_never_put_together_from_text() {
    let mut complaints = Vec::new();
    for path in files("rs") {
        if path.ends_with("tests/tests/tidy.rs") {
            continue;
        }
        for (number, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let builds = line.contains("format!(");
            let sql = ["SELECT ", "INSERT INTO", "UPDATE ", "DELETE FROM"];
            if builds && sql.iter().any(|word| line.contains(word)) {
                complaints.push(format!("{}:{}: {line}", path.display(), number + 1));
            }
        }
    }
    no_complaints(complaints);
}

#[test]
fn dependencies_point_down_the_list() {
    const LIBRARIES: [(&str, &[&str]); 5] = [
        ("planted", &[]),
        ("protocol", &[]),
        ("client", &["yoshi-protocol", "yoshi-planted"]),
        ("replica", &["yoshi-protocol", "yoshi-planted"]),
        ("service", &["yoshi-protocol"]),
    ];
    let own = |manifest: &Path| -> Vec<String> {
        let text = fs::read_to_string(manifest).unwrap();
        let names = text
            .lines()
            .filter_map(|line| line.split(['.', ' ', '=']).next());
        names
            .filter(|name| name.starts_with("yoshi-"))
            .map(str::to_owned)
            .collect()
    };
    let mut complaints = Vec::new();
    for (library, allowed) in LIBRARIES {
        for name in own(&root().join("shared").join(library).join("Cargo.toml")) {
            if !allowed.contains(&name.as_str()) {
                complaints.push(format!("shared/{library} depends on {name}"));
            }
        }
    }
    let programs: Vec<_> = fs::read_dir(root().join("bins"))
        .unwrap()
        .flatten()
        .collect();
    let names: Vec<_> = programs.iter().map(|entry| entry.file_name()).collect();
    for program in &programs {
        let text = fs::read_to_string(program.path().join("Cargo.toml")).unwrap();
        for name in &names {
            let line = format!("{}.workspace", name.to_string_lossy());
            if text.lines().any(|found| found.starts_with(&line)) {
                complaints.push(format!(
                    "{} depends on another program",
                    program.path().display()
                ));
            }
        }
    }
    no_complaints(complaints);
}

#[test]
fn planted_faults_are_in_no_default_build() {
    const FEATURE: &str = "planted-faults";
    let library = fs::read_to_string(root().join("shared/planted/src/lib.rs")).unwrap();
    let mut complaints = Vec::new();
    if !library.contains("not(debug_assertions)") || !library.contains("compile_error!") {
        complaints.push("shared/planted: a release build could contain faults".to_owned());
    }
    for path in files("toml") {
        for line in fs::read_to_string(&path).unwrap().lines() {
            // Only a feature of the same name may turn it on.
            let own = line.starts_with("planted-faults = [") || line.starts_with('#');
            if line.contains(FEATURE) && !own {
                complaints.push(format!("{}: {line}", path.display()));
            }
        }
    }
    no_complaints(complaints);
}

#[test]
fn migrations_are_numbered_and_commented() {
    let mut complaints = Vec::new();
    let is_migration = |path: &PathBuf| path.parent().is_some_and(|at| at.ends_with("migrations"));
    for path in files("sql").into_iter().filter(is_migration) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let numbered = name.starts_with('V') && name.contains("__");
        if !numbered || !fs::read_to_string(&path).unwrap().starts_with("--") {
            complaints.push(format!(
                "{}: V<number>__<name>.sql, with comments",
                path.display()
            ));
        }
    }
    no_complaints(complaints);
}
