//! What stands in the lists that a tour leads through: a task of every kind, in
//! different states, and one with all that may become of one.

use yoshi_client::Client;
use yoshi_protocol::{
    AccountName, Answer, Credential, Kind, NewTask, Password, Revise, TaskId, Verb,
};
use yoshi_tests::Person;

/// A name as long as people have them, and a word that no line holds.
const LONG_NAME: &str = "bartholomew-fitzgerald-of-the-eastern-branch-office";
const LONG_WORD: &str =
    "https://files.example/quarterly/2026/q4/regions/north/final-final-really-final.xlsx";

/// What was made.
pub(crate) struct Filled {
    pub(super) me: AccountName,
    asked_of_me: Vec<(&'static str, TaskId)>,
    /// A task with several recipients, each of whom has said something.
    pub(super) own: TaskId,
}

impl Filled {
    /// The page of a task of that kind.
    pub(super) fn asked(&self, kind: &str) -> String {
        let mut asked = self.asked_of_me.iter();
        let found = asked.find(|(name, _)| *name == kind);
        format!("/task/{}", found.expect("there is one of each kind").1)
    }
}

/// Gives somebody colleagues, work, and answers of theirs.
pub(crate) async fn fill(client: &Client, me: &AccountName, password: &str) -> Filled {
    let crew = [
        colleague(client, "jonas").await,
        colleague(client, "li").await,
        colleague(client, "priya").await,
        colleague(client, LONG_NAME).await,
    ];
    let logged_in = client.log_in(me, &Password::new(password.to_owned())).await;
    let me = Person {
        name: me.clone(),
        password: Password::new(password.to_owned()),
        credential: Credential::Token(logged_in.expect("they are registered").token),
    };
    let asked_of_me = ask(client, &me, &crew).await;
    let own = wait_for(client, &me, &crew).await;
    Filled {
        me: me.name,
        asked_of_me,
        own,
    }
}

async fn send(client: &Client, from: &Person, task: NewTask) -> TaskId {
    let id = task.id;
    let sent = client.send(&from.name, &from.credential, task).await;
    sent.unwrap_or_else(|error| panic!("{}: {error}", from.name));
    id
}

/// One task of each kind for the reader, in different states.
async fn ask(client: &Client, me: &Person, crew: &[Person; 4]) -> Vec<(&'static str, TaskId)> {
    let [jonas, li, priya, long] = crew;
    let task = |kind, title: &str, importance, due: &str, label: &str| NewTask {
        kind,
        importance,
        due: due.parse().ok(),
        labels: vec![label.to_owned()],
        ..NewTask::new(title, vec![me.name.clone()])
    };
    let regions = "Which regions do we launch in first?";
    let answer = task(Kind::Answer, regions, 1, "", "launch");
    let import = "The new import, before it is merged";
    let review = task(Kind::Review, import, 5, "2031-05-02", "backend");
    let minutes = "Minutes of the architecture round";
    let read = task(Kind::Read, minutes, 9, "", "minutes");
    let asked = vec![
        ("decide", send(client, jonas, decision(&me.name)).await),
        ("answer", send(client, li, answer).await),
        ("review", send(client, jonas, review).await),
        ("read", send(client, priya, read).await),
        ("do", send(client, long, long_work(&me.name)).await),
    ];
    let work = asked[4].1;
    me.change(client, work, Verb::Start).await;
    let percent = 40;
    me.change(client, work, Verb::Progress { percent }).await;
    let done = task(Kind::Do, "Book the train to the north", 5, "", "travel");
    let done = send(client, li, done).await;
    let text = String::new();
    let answer = Verb::Complete(Answer::Done { text });
    me.change(client, done, answer).await;
    let later = task(Kind::Do, "The budget of next year", 5, "", "money");
    let later = send(client, li, later).await;
    let until = "2031-01-01".parse().ok();
    me.change(client, later, Verb::Snooze { until }).await;
    asked
}

/// With a body that has some of everything.
fn decision(to: &AccountName) -> NewTask {
    let options = [
        "ship",
        "wait a week",
        "ship to the three pilot regions alone, and everywhere else a week later",
    ];
    NewTask {
        kind: Kind::Decide,
        importance: 3,
        due: "2026-11-27".parse().ok(),
        labels: vec!["release".to_owned()],
        options: options.map(str::to_owned).to_vec(),
        body: format!(
            "The **release notes** are done. Still open:\n\n- the migration took 4 minutes on a copy\n\
            - two reports of [slow search](https://issues.example/412)\n\n> I would ship.\n\n\
            `cargo run --release`\n\n| region | ready |\n|---|---|\n| north | yes |\n| {LONG_WORD} | no |"
        ),
        ..NewTask::new("Ship 1.2 on Monday?", vec![to.clone()])
    }
}

/// With a title, a label and links that no line holds; overdue.
fn long_work(to: &AccountName) -> NewTask {
    let title = format!(
        "Look at {LONG_WORD} and tell everybody who is concerned what of it has to be done"
    );
    NewTask {
        due: "2026-11-01".parse().ok(),
        labels: vec!["a-rather-long-label-of-the-eastern-branch".to_owned()],
        links: [LONG_WORD, "mailto:office@corp.example"]
            .map(str::to_owned)
            .to_vec(),
        ..NewTask::new(title, vec![to.clone()])
    }
}

/// A task of the reader's own, to everybody, with all that may become of one.
async fn wait_for(client: &Client, me: &Person, crew: &[Person; 4]) -> TaskId {
    let [jonas, li, priya, long] = crew;
    let names = crew.iter().map(|person| person.name.clone()).collect();
    let task = NewTask {
        due: "2026-12-04T16:00:00".parse().ok(),
        body: "Everybody brings one thing, please.".to_owned(),
        ..NewTask::new("The offsite: who brings what?", names)
    };
    let own = send(client, me, task).await;
    let revise = Revise {
        title: Some("The offsite: who brings what, and when?".to_owned()),
        ..Revise::default()
    };
    me.change(client, own, Verb::Revise(Box::new(revise))).await;
    let done = Answer::Done {
        text: "I bring the **projector**.".to_owned(),
    };
    jonas.change(client, own, Verb::Complete(done)).await;
    let reason = "I am on leave that week, and nobody in our team is there either".to_owned();
    li.change(client, own, Verb::Decline { reason }).await;
    priya
        .change(client, own, Verb::Progress { percent: 60 })
        .await;
    long.change(client, own, Verb::Accept).await;
    let text = format!("See {LONG_WORD}\n\n1. chairs\n2. cables");
    long.change(client, own, Verb::Comment { text }).await;
    me.change(client, own, Verb::Remind).await;
    own
}

async fn colleague(client: &Client, name: &str) -> Person {
    let name = AccountName::new(name).expect("it is a name");
    let password = Password::new("a colleague's password".to_owned());
    let created = client.create_account(&name, &password).await;
    created.expect("nobody else has the name");
    let logged_in = client.log_in(&name, &password).await;
    let token = logged_in.expect("a colleague can log in").token;
    Person {
        name,
        password,
        credential: Credential::Token(token),
    }
}
